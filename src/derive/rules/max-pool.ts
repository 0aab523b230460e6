import { attribute, intAttribute } from '../../graph/model.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** MaxPool: each gradient to the place that its maximum came from, by the operator's own indices. */
export const maxPool: DerivativeRule = {
  opType: 'MaxPool',
  derive(node, [gradient], wanted, scope) {
    const [x = ''] = node.inputs;
    if (gradient === undefined || !wanted[0]) return { nodes: [], gradients: [] };
    if (intAttribute(node, 'storage_order', 0) !== 0) return 'counts its indices by columns';
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(x);
    const flat = steps.op(
      'ScatterElements',
      [
        steps.zeros([elementCount(dims)]),
        steps.reshape(scope.output(node, 1), [-1]),
        steps.reshape(gradient, [-1]),
      ],
      { axis: attribute.int(0), reduction: attribute.string('add') },
    );
    return { gradients: [steps.reshape(flat, dims)], nodes: steps.nodes };
  },
};
