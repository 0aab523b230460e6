import { attribute, intAttribute } from '../../graph/model.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Gather: the gradients of what was taken, added up where it was taken from. */
export const gather: DerivativeRule = {
  opType: 'Gather',
  derive(node, [gradient], wanted, scope) {
    const [data = '', indices = ''] = node.inputs;
    if (gradient === undefined || !wanted[0]) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(data);
    const stated = intAttribute(node, 'axis', 0);
    const axis = stated < 0 ? stated + dims.length : stated;
    const [before, length, after] = [dims.slice(0, axis), dims[axis] ?? 1, dims.slice(axis + 1)];
    const [rows, columns] = [elementCount(before), elementCount(after)];
    const taken = elementCount(scope.dims(indices));
    // ScatterND adds along the first axis, and takes indices counted from the end.
    const first = steps.reshape(steps.transpose(steps.reshape(gradient, [rows, taken, columns]), [1, 0, 2]), [
      taken,
      rows * columns,
    ]);
    const added = steps.op(
      'ScatterND',
      [
        steps.zeros([length, rows * columns]),
        steps.reshape(steps.op('Cast', [indices], { to: attribute.int(INT64) }), [taken, 1]),
        first,
      ],
      { reduction: attribute.string('add') },
    );
    const back = steps.transpose(steps.reshape(added, [length, rows, columns]), [1, 0, 2]);
    return { gradients: [steps.reshape(back, dims)], nodes: steps.nodes };
  },
};

/** TensorProto.DataType. */
const INT64 = 7;
