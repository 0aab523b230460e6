import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** PRelu: by the input, the slope below 0; by the slope, the inputs below 0, summed over what it was broadcast along. */
export const pRelu: DerivativeRule = {
  opType: 'PRelu',
  derive(node, [gradient], wanted, scope) {
    const [x = '', slope = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(node.outputs[0] ?? '');
    const positive = steps.op('Greater', [x, steps.scalar(0)]);
    const byInput = wanted[0]
      ? steps.add(steps.where(positive, gradient), steps.unless(positive, steps.mul(gradient, slope)))
      : undefined;
    const below = () => steps.unless(positive, steps.mul(gradient, x));
    const bySlope = wanted[1] ? steps.sumTo(below(), dims, scope.dims(slope)) : undefined;
    return { nodes: steps.nodes, gradients: [byInput, bySlope] };
  },
};
