import {
  type ActivationLearner,
  type ActivationSite,
  type GraphMaker,
  ownGradient,
  relativeParameter,
  type SimulatedActivation,
  type SimulatedWeight,
  scalarArray,
  scaleDims,
  signedCodes,
  type WeightQuantizer,
  type WeightSite,
  weightsPerScale,
} from './simulated.js';
import { uniform, within } from './uniform.js';

/** Steps stay above this share of where they started. */
const SMALLEST_SHARE = 0.01;

/**
 * LSQ (Esser et al. 2020), weights: v̂ = s·round(clip(v/s, −Q_N, Q_P)).
 *
 * ∂v̂/∂s = round(v/s) − v/s within, −Q_N or Q_P beyond (eq. 3); ∂v̂/∂v = 1 within, 0 beyond (eq. 5); the gradient of s
 * is scaled by 1/√(N·Q_P) (§2.2), N the weights that share it.
 */
export function learnStep({ steps, fresh }: GraphMaker, site: WeightSite): SimulatedWeight {
  const { tensor, value } = site;
  const range = signedCodes(tensor.bits);
  const scale = fresh(`${value}/step`);
  const { ratio, codes, output } = uniform(steps, value, scale, undefined, range);
  const dims = scaleDims(tensor);
  const factor = 1 / Math.sqrt(weightsPerScale(site) * range.high);
  const own = ownGradient(output, [value, scale], (back, gradient) => {
    const inside = within(back, ratio, range);
    return [
      () => back.mul(gradient, inside),
      () => {
        const slope = back.sub(codes, back.mul(ratio, inside));
        return back.scale(back.sumTo(back.mul(gradient, slope), tensor.dims, dims), factor);
      },
    ];
  });
  const start = { type: 'float32' as const, dims, data: Float32Array.from(tensor.scales) };
  return {
    output,
    own: [own],
    parameters: [relativeParameter(scale, start, site.rate, SMALLEST_SHARE * Math.min(...tensor.scales))],
    stored: { kind: 'affine', codes, scale },
  };
}

/** LSQ of a weight that is stored as steps; a codebook has none. */
export const refuseCodebook = ({ tensor }: WeightSite): string | undefined =>
  tensor.kind === 'affine' ? undefined : 'it is stored as a codebook';

/**
 * LSQ+ (Bhalgat et al. 2020), activations: x̂ = s·round(clamp((x − β)/s, n, p)) + β (eq. 4), the offset β rounded to the
 * grid as it is stored, z = −round(β/s) from the lowest code.
 *
 * ∂x̂/∂s as LSQ's on (x − β)/s (eq. 6); ∂x̂/∂β = 0 within, 1 beyond (eq. 7).
 *
 * @param offset - `learned`, or a zero point that stays
 * @param lowest - the paper's n: 0 for unsigned codes, −2^(bits−1) for signed ones
 */
export function learnStepAndOffset(
  { steps, fresh }: GraphMaker,
  site: ActivationSite,
  offset: 'learned' | number,
  lowest: number,
): SimulatedActivation {
  const { value, quantizer, bits } = site;
  const range = { low: 0, high: 2 ** bits - 1 };
  const scale = fresh(`${value}/step`);
  const beta = fresh(`${value}/offset`);
  const zeroPoint =
    offset === 'learned'
      ? steps.op('Clip', [
          steps.op('Round', [steps.sub(steps.scalar(-lowest), steps.div(beta, scale))]),
          steps.scalar(range.low),
          steps.scalar(range.high),
        ])
      : steps.scalar(offset);
  const { ratio, codes, output } = uniform(steps, value, scale, zeroPoint, range);
  const highest = range.high + lowest;
  const factor = 1 / Math.sqrt(site.elements * Math.max(1, highest));
  const inputs = offset === 'learned' ? [value, scale, beta] : [value, scale];
  const own = ownGradient(output, inputs, (back, gradient, scope) => {
    const dims = scope.dims(value);
    const shifted = back.add(ratio, zeroPoint);
    const inside = within(back, shifted, range);
    const summed = (each: string) => back.scale(back.sumTo(each, dims, []), factor);
    return [
      () => back.mul(gradient, inside),
      () => {
        // codes − shifted within, codes − beyond beyond.
        const beyond = offset === 'learned' ? back.scalar(-lowest) : zeroPoint;
        const rest = back.mul(back.sub(shifted, beyond), inside);
        return summed(back.mul(gradient, back.sub(back.sub(codes, beyond), rest)));
      },
      () => summed(back.sub(gradient, back.mul(gradient, inside))),
    ];
  });
  const step = scalarArray(quantizer.scale);
  const start = scalarArray((-lowest - quantizer.zeroPoint) * quantizer.scale);
  return {
    output,
    own: [own],
    parameters: [
      relativeParameter(scale, step, site.rate, SMALLEST_SHARE * quantizer.scale),
      // An offset of 0 moves too: by shares of the step.
      ...(offset === 'learned' ? [{ name: beta, start, rate: site.rate * quantizer.scale }] : []),
    ],
    scale,
    zeroPoint,
  };
}

/** LSQ, weights. */
export const lsqWeights: WeightQuantizer = {
  name: 'lsq',
  summary: 'steps learned by their own gradient (LSQ)',
  refuse: refuseCodebook,
  simulate: learnStep,
};

/** LSQ, activations: the zero point stays where calibration put it. */
export const lsqActivations: ActivationLearner = {
  name: 'lsq',
  summary: 'steps learned by their own gradient, zero points kept (LSQ)',
  simulate: (maker, site) =>
    learnStepAndOffset(maker, site, site.quantizer.zeroPoint, -site.quantizer.zeroPoint),
};
