import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';
import { reduceSum } from './reduce-sum.js';

/** Of zeros alone, where a norm has no slope. */
const LEAST_NORM = 1e-30;

/** ReduceL2: each element over its norm, x/y. */
export const reduceL2: DerivativeRule = {
  opType: 'ReduceL2',
  derive(node, [gradient], wanted, scope) {
    const [x = ''] = node.inputs;
    const [y = ''] = node.outputs;
    if (gradient === undefined || !wanted[0]) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const share = steps.div(gradient, steps.op('Max', [y, steps.scalar(LEAST_NORM)]));
    const found = reduceSum.derive(node, [share], wanted, scope);
    if (typeof found === 'string') return found;
    const back = new Steps(scope, `${node.id}/gradient_x`);
    const byInput = back.mul(x, found.gradients[0] ?? '');
    return { nodes: [...steps.nodes, ...found.nodes, ...back.nodes], gradients: [byInput] };
  },
};
