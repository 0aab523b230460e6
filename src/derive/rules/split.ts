import { attribute, intAttribute } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Split: the gradients of the parts side by side, zeros for a part that has none. */
export const split: DerivativeRule = {
  opType: 'Split',
  derive(node, gradients, wanted, scope) {
    if (!wanted[0]) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const parts = node.outputs.map((output, at) => gradients[at] ?? steps.zeros(scope.dims(output)));
    const byInput = steps.op('Concat', parts, { axis: attribute.int(intAttribute(node, 'axis', 0)) });
    return { nodes: steps.nodes, gradients: [byInput] };
  },
};
