import { intAttribute } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Concat: to each input its part. */
export const concat: DerivativeRule = {
  opType: 'Concat',
  derive(node, [gradient], wanted, scope) {
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const rank = scope.dims(node.outputs[0] ?? '').length;
    const stated = intAttribute(node, 'axis', 0);
    const axis = stated < 0 ? stated + rank : stated;
    let start = 0;
    const gradients = node.inputs.map((input, at) => {
      const end = start + (scope.dims(input)[axis] ?? 0);
      const part = wanted[at] ? steps.slice(gradient, [axis], [start], [end]) : undefined;
      start = end;
      return part;
    });
    return { nodes: steps.nodes, gradients };
  },
};
