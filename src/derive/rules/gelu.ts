import { stringAttribute } from '../../graph/model.js';
import { type Elementwise, elementwise } from '../elementwise.js';

/**
 * Gelu (Hendrycks and Gimpel 2016), x·Φ(x): Φ(x) + x·φ(x), φ the normal density; or its form by tanh,
 * ½x(1 + tanh u), u = √(2/π)·(x + 0.044715x³): ½(1 + t) + ½x(1 − t²)·u', t = tanh u. Also onnxruntime's own operator.
 */
export const gelu = elementwise(
  'Gelu',
  (at) => (stringAttribute(at.node, 'approximate', 'none') === 'tanh' ? byTanh(at) : exact(at)),
  ['', 'com.microsoft'],
);

function exact({ steps, gradient, x }: Elementwise): string {
  const half = steps.scalar(0.5);
  const share = steps.add(steps.scale(steps.op('Erf', [steps.scale(x, Math.SQRT1_2)]), 0.5), half);
  const density = steps.scale(
    steps.op('Exp', [steps.scale(steps.mul(x, x), -0.5)]),
    1 / Math.sqrt(2 * Math.PI),
  );
  return steps.mul(gradient, steps.add(share, steps.mul(x, density)));
}

function byTanh({ steps, gradient, x }: Elementwise): string {
  const [one, half] = [steps.scalar(1), steps.scalar(0.5)];
  const factor = Math.sqrt(2 / Math.PI);
  const square = steps.mul(x, x);
  const inner = steps.mul(steps.scale(x, factor), steps.add(steps.scale(square, 0.044715), one));
  const t = steps.op('Tanh', [inner]);
  const innerSlope = steps.add(steps.scale(square, 3 * 0.044715 * factor), steps.scalar(factor));
  const rest = steps.mul(steps.mul(x, steps.sub(one, steps.mul(t, t))), innerSlope);
  return steps.mul(gradient, steps.mul(half, steps.add(steps.add(one, t), rest)));
}
