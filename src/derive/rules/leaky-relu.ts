import { floatAttribute } from '../../graph/model.js';
import { elementwise } from '../elementwise.js';

/** LeakyRelu: the gradient where the input is positive, α times it elsewhere. */
export const leakyRelu = elementwise('LeakyRelu', ({ steps, gradient, x, node }) => {
  const alpha = floatAttribute(node, 'alpha', 0.01);
  const positive = steps.mask(steps.op('Greater', [x, steps.scalar(0)]));
  return steps.mul(gradient, steps.add(steps.scale(positive, 1 - alpha), steps.scalar(alpha)));
});
