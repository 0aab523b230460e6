import { attribute, inputAt, intsAttribute, stringAttribute } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';
import { weightGradient } from '../weight-gradient.js';
import { groupOf, windowOf } from '../window.js';

/** ConvTranspose, of any rank: by the input it is a Conv with the same weight; by the weight, tap by tap. */
export const convTranspose: DerivativeRule = {
  opType: 'ConvTranspose',
  derive(node, [gradient], wanted, scope) {
    const [x = '', weight = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    if (intsAttribute(node, 'output_shape') || stringAttribute(node, 'auto_pad', 'NOTSET') !== 'NOTSET') {
      return 'has its padding computed (output_shape or auto_pad)';
    }
    const small = scope.dims(x);
    const large = scope.dims(node.outputs[0] ?? '');
    const window = windowOf(node, scope.dims(weight).slice(2), large.slice(2), small.slice(2));
    const { strides, dilations, begins, kernel } = window;
    const steps = new Steps(scope, `${node.id}/gradient`);
    // What the output padding added behind is past what the kernel reaches for the last place.
    const ends = kernel.map(
      (size, axis) =>
        ((small[axis + 2] ?? 1) - 1) * (strides[axis] ?? 1) +
        (size - 1) * (dilations[axis] ?? 1) +
        1 -
        (large[axis + 2] ?? 1) -
        (begins[axis] ?? 0),
    );
    const padded = wanted[0] ? steps.pad(gradient, [0, 0, ...begins], [0, 0, ...ends]) : '';
    const byInput = wanted[0]
      ? steps.op('Conv', [padded, weight], {
          strides: attribute.ints(strides),
          dilations: attribute.ints(dilations),
          group: attribute.int(groupOf(node)),
        })
      : undefined;
    const byWeight = wanted[1]
      ? weightGradient(
          steps,
          { value: gradient, dims: large },
          { value: x, dims: small },
          window,
          groupOf(node),
        )
      : undefined;
    const places = large.slice(2).map((_, axis) => axis + 2);
    const byBias = wanted[2] && inputAt(node, 2) ? steps.sum(gradient, [0, ...places], false) : undefined;
    return { nodes: steps.nodes, gradients: [byInput, byWeight, byBias] };
  },
};
