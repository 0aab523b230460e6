import { intAttribute } from '../../graph/model.js';
import { elementwise } from '../elementwise.js';

/** LogSoftmax along one axis (opset 13 and later): dy − exp(y)·Σ dy. */
export const logSoftmax = elementwise('LogSoftmax', ({ steps, gradient, y, node }) => {
  const total = steps.sum(gradient, [intAttribute(node, 'axis', -1)]);
  return steps.sub(gradient, steps.mul(steps.op('Exp', [y]), total));
});
