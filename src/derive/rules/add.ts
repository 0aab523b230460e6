import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Add: the gradient itself, summed over what broadcasting repeated. */
export const add: DerivativeRule = {
  opType: 'Add',
  derive(node, [gradient], wanted, scope) {
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(node.outputs[0] ?? '');
    const gradients = node.inputs.map((input, at) =>
      wanted[at] && gradient ? steps.sumTo(gradient, dims, scope.dims(input)) : undefined,
    );
    return { nodes: steps.nodes, gradients };
  },
};
