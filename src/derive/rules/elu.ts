import { floatAttribute } from '../../graph/model.js';
import { elementwise } from '../elementwise.js';

/** Elu: 1 from 0 on, below it α·eˣ = y + α. */
export const elu = elementwise('Elu', ({ steps, gradient, x, y, node }) => {
  const below = steps.scalar(floatAttribute(node, 'alpha', 1) - 1);
  const bent = steps.where(steps.op('Less', [x, steps.scalar(0)]), steps.add(y, below));
  return steps.mul(gradient, steps.add(bent, steps.scalar(1)));
});
