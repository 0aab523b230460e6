import { floatAttribute } from '../../graph/model.js';
import { elementwise } from '../elementwise.js';

/** HardSigmoid, y = clip(αx + β, 0, 1): α where y is strictly between. */
export const hardSigmoid = elementwise('HardSigmoid', ({ steps, gradient, y, node }) => {
  const inside = steps.op('And', [
    steps.op('Greater', [y, steps.scalar(0)]),
    steps.op('Less', [y, steps.scalar(1)]),
  ]);
  return steps.where(inside, steps.scale(gradient, floatAttribute(node, 'alpha', 0.2)));
});
