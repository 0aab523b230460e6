import { inputAt } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Clip: the gradient between the bounds and on them; what is beyond a bound is that bound's. */
export const clip: DerivativeRule = {
  opType: 'Clip',
  derive(node, [gradient], wanted, scope) {
    const [x = ''] = node.inputs;
    const [low, high] = [inputAt(node, 1), inputAt(node, 2)];
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const below = low && steps.op('Less', [x, low]);
    const above = high && steps.op('Greater', [x, high]);
    const outside = below && above ? steps.op('Or', [below, above]) : (below ?? above);
    const byInput = outside ? steps.unless(outside, gradient) : gradient;
    const dims = scope.dims(node.outputs[0] ?? '');
    const beyond = (condition: string) => steps.sumTo(steps.where(condition, gradient), dims, []);
    return {
      nodes: steps.nodes,
      gradients: [
        wanted[0] ? byInput : undefined,
        wanted[1] && below ? beyond(below) : undefined,
        wanted[2] && above ? beyond(above) : undefined,
      ],
    };
  },
};
