import { floatAttribute } from '../../graph/model.js';
import { elementwise } from '../elementwise.js';

/** LeakyRelu: the gradient where the input is positive, α times it elsewhere. */
export const leakyRelu = elementwise('LeakyRelu', ({ steps, gradient, x, node }) =>
  steps.op('Where', [
    steps.op('Greater', [x, steps.scalar(0)]),
    gradient,
    steps.scale(gradient, floatAttribute(node, 'alpha', 0.01)),
  ]),
);
