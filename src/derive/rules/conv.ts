import { type Attribute, attribute, inputAt, type Node } from '../../graph/model.js';
import type { DerivativeRule, Scope } from '../derivative.js';
import { Steps } from '../steps.js';
import { weightGradient } from '../weight-gradient.js';
import { groupOf, reach, type Window, windowOf } from '../window.js';

/**
 * Conv, of any rank. By the input at stride 1: a Conv with the weight flipped and its channels swapped within each
 * group; at other strides a ConvTranspose. By the weight: tap by tap.
 */
export const conv: DerivativeRule = {
  opType: 'Conv',
  derive(node, [gradient], wanted, scope) {
    const [x = '', weight = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const large = scope.dims(x);
    const small = scope.dims(node.outputs[0] ?? '');
    const window = windowOf(node, scope.dims(weight).slice(2), large.slice(2), small.slice(2));
    const steps = new Steps(scope, `${node.id}/gradient`);
    const byInput = wanted[0] ? inputGradient(steps, node, gradient, window, scope) : undefined;
    const byWeight = wanted[1]
      ? weightGradient(
          steps,
          { value: x, dims: large },
          { value: gradient, dims: small },
          window,
          groupOf(node),
        )
      : undefined;
    const places = small.slice(2).map((_, axis) => axis + 2);
    const byBias = wanted[2] && inputAt(node, 2) ? steps.sum(gradient, [0, ...places], false) : undefined;
    return { nodes: steps.nodes, gradients: [byInput, byWeight, byBias] };
  },
};

function inputGradient(steps: Steps, node: Node, gradient: string, window: Window, scope: Scope): string {
  const [x = '', weight = ''] = node.inputs;
  const { kernel, strides, dilations, begins } = window;
  const large = scope.dims(x);
  const small = scope.dims(node.outputs[0] ?? '');
  const spans = kernel.map((_, axis) => reach(kernel, dilations, axis));
  const shared: Record<string, Attribute> = {
    dilations: attribute.ints(dilations),
    group: attribute.int(groupOf(node)),
  };
  const firsts = spans.map((span, axis) => span - 1 - (begins[axis] ?? 0));
  const lasts = spans.map((_, axis) => (large[axis + 2] ?? 1) - (small[axis + 2] ?? 1) + (begins[axis] ?? 0));
  if (strides.every((stride) => stride === 1) && [...firsts, ...lasts].every((count) => count >= 0)) {
    const flipped = flippedWeight(steps, weight, scope.dims(weight), groupOf(node));
    return steps.op('Conv', [gradient, flipped], { ...shared, pads: attribute.ints([...firsts, ...lasts]) });
  }
  // The places that a ConvTranspose makes without padding, the strides' rest added behind.
  const made = spans.map((span, axis) => ((small[axis + 2] ?? 1) - 1) * (strides[axis] ?? 1) + span);
  const whole = steps.op('ConvTranspose', [gradient, weight], {
    ...shared,
    strides: attribute.ints(strides),
  });
  const cut = made.map((size, axis) => (large[axis + 2] ?? 1) + (begins[axis] ?? 0) - size);
  return steps.pad(whole, [0, 0, ...begins.map((count) => -count)], [0, 0, ...cut]);
}

/** [M, C/g, taps …] to [C, M/g, taps reversed …]. */
function flippedWeight(steps: Steps, weight: string, dims: readonly number[], groups: number): string {
  const [rows = 1, columns = 1, ...kernel] = dims;
  const axes = kernel.map((_, axis) => axis);
  const swapped = steps.transpose(steps.reshape(weight, [groups, rows / groups, columns, ...kernel]), [
    0,
    2,
    1,
    ...axes.map((axis) => axis + 3),
  ]);
  const joined = steps.reshape(swapped, [groups * columns, rows / groups, ...kernel]);
  if (kernel.every((size) => size === 1)) return joined;
  const backwards = axes.map(() => -1);
  return steps.slice(
    joined,
    axes.map((axis) => axis + 2),
    backwards,
    axes.map(() => BEFORE_FIRST),
    backwards,
  );
}

/** An end that a backward Slice takes for "with the first element": beyond any axis. */
const BEFORE_FIRST = -(2 ** 31);
