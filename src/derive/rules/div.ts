import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Div, y = a/b: dy/b, and −dy·y/b. */
export const div: DerivativeRule = {
  opType: 'Div',
  derive(node, [gradient], wanted, scope) {
    const [a = '', b = ''] = node.inputs;
    const [y = ''] = node.outputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(y);
    const shared = steps.div(gradient, b);
    const byA = wanted[0] ? steps.sumTo(shared, dims, scope.dims(a)) : undefined;
    const byB = wanted[1]
      ? steps.op('Neg', [steps.sumTo(steps.mul(shared, y), dims, scope.dims(b))])
      : undefined;
    return { nodes: steps.nodes, gradients: [byA, byB] };
  },
};
