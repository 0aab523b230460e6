import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Where: each choice gets the gradient where it was chosen. */
export const where: DerivativeRule = {
  opType: 'Where',
  derive(node, [gradient], wanted, scope) {
    const [condition = '', a = '', b = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(node.outputs[0] ?? '');
    const byA = () => steps.where(condition, gradient);
    const byB = () => steps.unless(condition, gradient);
    return {
      gradients: [
        undefined,
        wanted[1] ? steps.sumTo(byA(), dims, scope.dims(a)) : undefined,
        wanted[2] ? steps.sumTo(byB(), dims, scope.dims(b)) : undefined,
      ],
      nodes: steps.nodes,
    };
  },
};
