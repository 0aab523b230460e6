import type { Steps } from '../../derive/steps.js';
import { refuseCodebook } from './lsq.js';
import {
  type ActivationLearner,
  type OwnRule,
  ownGradient,
  relativeParameter,
  scalarArray,
  scaleDims,
  signedCodes,
  type WeightQuantizer,
} from './simulated.js';
import { uniform } from './uniform.js';

/** Where α starts (Gong et al. 2019, §4.1), and the bounds that keep ln(2/α − 1) finite and positive. */
const ALPHA = { start: 0.2, low: 0.05, high: 0.5 } as const;

/** Slopes of the soft quantizer at x, by x itself and by what is learned. */
interface SoftSlopes {
  readonly below: string;
  readonly above: string;
  readonly x: string;
  readonly lower: string;
  readonly upper: string;
  readonly alpha: string;
}

/**
 * DSQ (Gong et al. 2019): what is computed and stored is a plain uniform quantizer of [l, u]; its gradient is that of
 * the soft one, Q = l + Δ·(i + (φ + 1)/2), φ = s·tanh(k(x − m_i)), s = 1/(1 − α), k = ln(2/α − 1)/Δ (eq. 3–10), i the
 * interval of x and m_i its middle. With t = i + (φ + 1)/2 and κ = kΔ, by hand:
 * ∂Q/∂x = κ·s/2·(1 − tanh²); ∂Q/∂u = (t − (x − l)/Δ·∂Q/∂x)/p; ∂Q/∂l = 1 − ∂Q/∂x − ∂Q/∂u;
 * ∂Q/∂α = Δ/2·(s²·tanh + s·(1 − tanh²)·((x − l)/Δ − i − ½)·∂κ/∂α), ∂κ/∂α = −2/(α(2 − α)).
 *
 * @param position - (x − l)/Δ
 * @param intervals - p, the intervals of [l, u]
 */
function softSlopes(
  steps: Steps,
  position: string,
  delta: string,
  alpha: string,
  intervals: number,
): SoftSlopes {
  const one = steps.scalar(1);
  const below = steps.op('Less', [position, steps.scalar(0)]);
  const above = steps.op('Greater', [position, steps.scalar(intervals)]);
  const floor = steps.op('Floor', [position]);
  // The upper end belongs to the last interval.
  const index = steps.op('Clip', [floor, steps.scalar(0), steps.scalar(intervals - 1)]);
  const centred = steps.sub(steps.sub(position, index), steps.scalar(0.5));
  const kappa = steps.op('Log', [steps.sub(steps.div(steps.scalar(2), alpha), one)]);
  const s = steps.op('Reciprocal', [steps.sub(one, alpha)]);
  const tanh = steps.op('Tanh', [steps.mul(centred, kappa)]);
  const bell = steps.mul(steps.sub(one, steps.mul(tanh, tanh)), s);
  const phi = steps.mul(tanh, s);
  const t = steps.add(index, steps.scale(steps.add(phi, one), 0.5));
  const x = steps.mul(bell, steps.scale(kappa, 0.5));
  const upper = steps.scale(steps.sub(t, steps.mul(position, x)), 1 / intervals);
  const lower = steps.sub(steps.sub(one, x), upper);
  const kappaSlope = steps.div(steps.scalar(-2), steps.mul(alpha, steps.sub(steps.scalar(2), alpha)));
  const byAlpha = steps.mul(
    steps.scale(delta, 0.5),
    steps.add(steps.mul(phi, s), steps.mul(steps.mul(bell, centred), kappaSlope)),
  );
  return { below, above, x, lower, upper, alpha: byAlpha };
}

/** What a slope is beyond the ends. */
function chosen(steps: Steps, slopes: SoftSlopes, inside: string, below: number, above: number): string {
  const middle = steps.unless(steps.op('Or', [slopes.below, slopes.above]), inside);
  const high = above === 0 ? middle : steps.add(middle, steps.scale(steps.mask(slopes.above), above));
  return below === 0 ? high : steps.add(high, steps.scale(steps.mask(slopes.below), below));
}

/** α within its bounds. */
const bounded = (steps: Steps, alpha: string) =>
  steps.op('Clip', [alpha, steps.scalar(ALPHA.low), steps.scalar(ALPHA.high)]);

/** DSQ, activations: l, u and α learned. */
export const dsqActivations: ActivationLearner = {
  name: 'dsq',
  summary: 'both ends of the range learned by a soft staircase (DSQ)',
  simulate({ steps, fresh }, { value, quantizer, bits, rate }) {
    const range = { low: 0, high: 2 ** bits - 1 };
    const [lower, upper, alpha] = [
      fresh(`${value}/lower`),
      fresh(`${value}/upper`),
      fresh(`${value}/softness`),
    ];
    const least = steps.scalar(0.01 * quantizer.scale);
    const scale = steps.op('Max', [steps.scale(steps.sub(upper, lower), 1 / range.high), least]);
    const negated = steps.op('Neg', [steps.div(lower, scale)]);
    const zeroPoint = steps.op('Clip', [
      steps.op('Round', [negated]),
      steps.scalar(range.low),
      steps.scalar(range.high),
    ]);
    // Before the output: a gradient goes through nodes in their order.
    const soft = bounded(steps, alpha);
    const { ratio, output } = uniform(steps, value, scale, zeroPoint, range);
    const rule: OwnRule = (back, gradient, scope) => {
      const slopes = softSlopes(back, back.add(ratio, zeroPoint), scale, soft, range.high);
      const summed = (slope: string) => back.sumTo(back.mul(gradient, slope), scope.dims(value), []);
      return [
        () => back.mul(gradient, chosen(back, slopes, slopes.x, 0, 0)),
        () => summed(chosen(back, slopes, slopes.lower, 1, 0)),
        () => summed(chosen(back, slopes, slopes.upper, 0, 1)),
        () => summed(chosen(back, slopes, slopes.alpha, 0, 0)),
      ];
    };
    const step = quantizer.scale;
    const ends = [-quantizer.zeroPoint * step, (range.high - quantizer.zeroPoint) * step] as const;
    return {
      output,
      own: [ownGradient(output, [value, lower, upper, soft], rule)],
      parameters: [
        { name: lower, start: scalarArray(ends[0]), rate: rate * step },
        { name: upper, start: scalarArray(ends[1]), rate: rate * step },
        { name: alpha, start: scalarArray(ALPHA.start), rate },
      ],
      scale,
      zeroPoint,
    };
  },
};

/** DSQ, weights: the range is symmetric, l = n·s and u = p·s, so that its step and α are learned. */
export const dsqWeights: WeightQuantizer = {
  name: 'dsq',
  summary: 'steps learned by a soft staircase (DSQ)',
  refuse: refuseCodebook,
  simulate({ steps, fresh }, { value, tensor, rate }) {
    const range = signedCodes(tensor.bits);
    const dims = scaleDims(tensor);
    const [scale, alpha] = [fresh(`${value}/step`), fresh(`${value}/softness`)];
    const soft = bounded(steps, alpha);
    const { ratio, codes, output } = uniform(steps, value, scale, undefined, range);
    const rule: OwnRule = (back, gradient) => {
      const intervals = range.high - range.low;
      const position = back.sub(ratio, back.scalar(range.low));
      const slopes = softSlopes(back, position, scale, soft, intervals);
      const inside = back.add(back.scale(slopes.lower, range.low), back.scale(slopes.upper, range.high));
      const step = chosen(back, slopes, inside, range.low, range.high);
      return [
        () => back.mul(gradient, chosen(back, slopes, slopes.x, 0, 0)),
        () => back.sumTo(back.mul(gradient, step), tensor.dims, dims),
        () => back.sumTo(back.mul(gradient, chosen(back, slopes, slopes.alpha, 0, 0)), tensor.dims, []),
      ];
    };
    const start = { type: 'float32' as const, dims, data: Float32Array.from(tensor.scales) };
    return {
      output,
      own: [ownGradient(output, [value, scale, soft], rule)],
      parameters: [
        relativeParameter(scale, start, rate, 0.01 * Math.min(...tensor.scales)),
        { name: alpha, start: scalarArray(ALPHA.start), rate },
      ],
      stored: { kind: 'affine', codes, scale },
    };
  },
};
