import { elementwise } from '../elementwise.js';

/** HardSwish, y = x·clip(x/6 + ½, 0, 1): x/3 + ½ between −3 and 3, 0 below, 1 above. */
export const hardSwish = elementwise('HardSwish', ({ steps, gradient, x }) => {
  const between = steps.add(steps.scale(x, 1 / 3), steps.scalar(0.5));
  const above = steps.op('GreaterOrEqual', [x, steps.scalar(3)]);
  const inside = steps.op('And', [
    steps.op('Greater', [x, steps.scalar(-3)]),
    steps.op('Less', [x, steps.scalar(3)]),
  ]);
  return steps.mul(gradient, steps.add(steps.where(inside, between), steps.mask(above)));
});
