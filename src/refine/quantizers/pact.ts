import { type ActivationLearner, ownGradient, relativeParameter, scalarArray } from './simulated.js';
import { uniform, within } from './uniform.js';

/** Weight of α² in the loss, relative to the size of α: a decay as the paper's tables have it for its networks. */
const DECAY = 1e-4;

/**
 * PACT (Choi et al. 2018): y = clip(x, 0, α), rounded to 2^bits levels (eq. 1, 2). ∂y/∂α = 1 from α on, 0 below (eq. 3);
 * α² is added to the loss.
 */
export const pact: ActivationLearner = {
  name: 'pact',
  summary: 'the clipping value learned (PACT)',
  refuse: ({ isSigned }) => (isSigned ? 'it has values below 0, which PACT clips' : undefined),
  simulate({ steps, fresh }, { value, quantizer, bits, rate }) {
    const range = { low: 0, high: 2 ** bits - 1 };
    const alpha = fresh(`${value}/clip`);
    const scale = steps.scale(alpha, 1 / range.high);
    const zeroPoint = steps.scalar(0);
    const { ratio, output } = uniform(steps, value, scale, undefined, range);
    const own = ownGradient(output, [value, alpha], (back, gradient, scope) => [
      () => back.mul(gradient, within(back, ratio, range)),
      () =>
        back.sumTo(back.where(back.op('GreaterOrEqual', [value, alpha]), gradient), scope.dims(value), []),
    ]);
    const start = quantizer.scale * range.high;
    return {
      output,
      own: [own],
      parameters: [relativeParameter(alpha, scalarArray(start), rate, 0.01 * start)],
      penalty: steps.scale(steps.mul(alpha, alpha), DECAY / start ** 2),
      scale,
      zeroPoint,
    };
  },
};
