import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Mul: each gradient by the other factor. */
export const mul: DerivativeRule = {
  opType: 'Mul',
  derive(node, [gradient], wanted, scope) {
    const [a = '', b = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(node.outputs[0] ?? '');
    const byA = wanted[0] ? steps.sumTo(steps.mul(gradient, b), dims, scope.dims(a)) : undefined;
    const byB = wanted[1] ? steps.sumTo(steps.mul(gradient, a), dims, scope.dims(b)) : undefined;
    return { nodes: steps.nodes, gradients: [byA, byB] };
  },
};
