import { intAttribute } from '../../graph/model.js';
import { elementwise } from '../elementwise.js';

/** Softmax along one axis (opset 13 and later): y·(dy − Σ dy·y). */
export const softmax = elementwise('Softmax', ({ steps, gradient, y, node }) => {
  const share = steps.sum(steps.mul(gradient, y), [intAttribute(node, 'axis', -1)]);
  return steps.mul(y, steps.sub(gradient, share));
});
