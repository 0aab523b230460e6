import type { DerivativeRule } from '../derivative.js';
import { reducedAxes } from '../reduced.js';
import { Steps } from '../steps.js';

/** ReduceSum: the gradient to each element that was summed. */
export const reduceSum: DerivativeRule = {
  opType: 'ReduceSum',
  derive(node, [gradient], wanted, scope) {
    const [x = ''] = node.inputs;
    if (gradient === undefined || !wanted[0]) return { nodes: [], gradients: [] };
    const axes = reducedAxes(node, scope);
    if (typeof axes === 'string') return axes;
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(x);
    const kept = dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    const byInput = steps.expand(steps.asShape(gradient, scope.dims(node.outputs[0] ?? ''), kept), dims);
    return { nodes: steps.nodes, gradients: [byInput] };
  },
};
