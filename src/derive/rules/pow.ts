import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Pow, y = x^p: p·x^(p−1), and y·log x. */
export const pow: DerivativeRule = {
  opType: 'Pow',
  derive(node, [gradient], wanted, scope) {
    const [x = '', power = ''] = node.inputs;
    const [y = ''] = node.outputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    if (scope.dataType(power) !== scope.floatType) return 'has a power of another type than its base';
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(y);
    const slope = () => steps.mul(power, steps.op('Pow', [x, steps.sub(power, steps.scalar(1))]));
    const byBase = wanted[0] ? steps.sumTo(steps.mul(gradient, slope()), dims, scope.dims(x)) : undefined;
    const byPower = wanted[1]
      ? steps.sumTo(steps.mul(gradient, steps.mul(y, steps.op('Log', [x]))), dims, scope.dims(power))
      : undefined;
    return { nodes: steps.nodes, gradients: [byBase, byPower] };
  },
};
