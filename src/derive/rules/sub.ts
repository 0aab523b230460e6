import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Sub: the gradient, and the gradient negated. */
export const sub: DerivativeRule = {
  opType: 'Sub',
  derive(node, [gradient], wanted, scope) {
    const [a = '', b = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(node.outputs[0] ?? '');
    const byA = wanted[0] ? steps.sumTo(gradient, dims, scope.dims(a)) : undefined;
    const byB = wanted[1] ? steps.op('Neg', [steps.sumTo(gradient, dims, scope.dims(b))]) : undefined;
    return { nodes: steps.nodes, gradients: [byA, byB] };
  },
};
