import type { Steps } from '../../derive/steps.js';
import { channelAlong } from '../../numerics/nd-array.js';
import { roundHalfEven } from '../../numerics/round.js';
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
import { uniform, within } from './uniform.js';

/** The transformed weight stays above this, where its power has a slope; it rounds to 0 all the same. */
const SMALLEST = 1e-4;

/** A rounding that gradients pass as if it were none. */
const straightThrough: OwnRule = (_, gradient) => [() => gradient];

/**
 * QIL (Jung et al. 2019), weights: |w| below c − d is pruned, above c + d clipped, between it becomes
 * (α|w| + β)^γ, α = 1/(2d), β = ½ − c/(2d) (eq. 4); then round(q·…)/q, q = 2^(bits−1) − 1, with w's sign. c, d and γ are
 * learned, of the whole layer. The paper's networks rescale by the BatchNormalization behind; here a scale for each channel
 * is learned instead. What is stored is uniform, with a wide zero.
 */
export const qilWeights: WeightQuantizer = {
  name: 'qil',
  summary: 'the interval that is quantized learned, and its curve (QIL)',
  refuse: refuseCodebook,
  simulate({ steps, fresh }, { value, weight, tensor, rate }) {
    const top = signedCodes(tensor.bits).high;
    const largest = weight.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    const [centre, distance] = [fresh(`${value}/centre`), fresh(`${value}/distance`)];
    const [power, scale] = [fresh(`${value}/power`), fresh(`${value}/step`)];
    const least = 0.01 * largest;
    const size = steps.op('Abs', [value]);
    const half = steps.scalar(0.5);
    const place = steps.add(steps.div(steps.sub(size, centre), steps.scale(distance, 2)), half);
    const kept = steps.op('Clip', [place, steps.scalar(SMALLEST), steps.scalar(1)]);
    const curve = steps.scale(steps.op('Pow', [kept, power]), top);
    const rounded = steps.op('Round', [curve]);
    const codes = steps.mul(rounded, signOf(steps, value));
    const output = steps.mul(codes, scale);
    const dims = scaleDims(tensor);
    const starts = scalesFor(weight, tensor, top, largest);
    return {
      output,
      own: [
        ownGradient(rounded, [curve], straightThrough),
        ownGradient(codes, [rounded], (back, gradient) => [() => back.mul(gradient, signOf(back, value))]),
      ],
      parameters: [
        { name: centre, start: scalarArray(largest / 2), rate: rate * largest },
        { name: distance, start: scalarArray(largest / 2), rate: rate * largest, minimum: least },
        { name: power, start: scalarArray(1), rate, minimum: 0.1 },
        relativeParameter(scale, { type: 'float32', dims, data: starts }, rate, 0.01 * Math.min(...starts)),
      ],
      stored: { kind: 'affine', codes, scale },
    };
  },
};

const signOf = (steps: Steps, value: string) => steps.op('Sign', [value]);

/** For each channel the scale of least squares for the codes that QIL gives at its start: Σ w·q / Σ q². */
function scalesFor(
  weight: Float32Array,
  tensor: {
    readonly scales: Float32Array;
    readonly dims: readonly number[];
    readonly axis: number | undefined;
  },
  top: number,
  largest: number,
): Float32Array {
  const [products, squares] = [
    new Float64Array(tensor.scales.length),
    new Float64Array(tensor.scales.length),
  ];
  const channel = channelAlong(tensor.dims, tensor.axis);
  weight.forEach((w, at) => {
    const code = roundHalfEven((top * Math.abs(w)) / largest);
    const c = channel(at);
    products[c] = (products[c] ?? 0) + Math.abs(w) * code;
    squares[c] = (squares[c] ?? 0) + code ** 2;
  });
  return Float32Array.from(products, (product, c) =>
    (squares[c] ?? 0) > 0 ? product / (squares[c] ?? 1) : (tensor.scales[c] ?? 1),
  );
}

/**
 * QIL, activations from 0 on: (x/(2d)) clipped to [0, 1] and rounded, d learned and the interval kept at 0, since the
 * runtime's codes begin there: what is left of the method where nothing is pruned.
 */
export const qilActivations: ActivationLearner = {
  name: 'qil',
  summary: 'the interval that is quantized learned (QIL)',
  refuse: ({ isSigned }) => (isSigned ? 'it has values below 0, which QIL prunes' : undefined),
  simulate({ steps, fresh }, { value, quantizer, bits, rate }) {
    const range = { low: 0, high: 2 ** bits - 1 };
    const distance = fresh(`${value}/distance`);
    const scale = steps.scale(distance, 2 / range.high);
    const zeroPoint = steps.scalar(0);
    const { ratio, codes, output } = uniform(steps, value, scale, undefined, range);
    // x̂ = 2d·round(…)/q, the scale behind it 2d: within, ∂x̂/∂d = 2(round(r) − r)/q; beyond, 2.
    const own = ownGradient(output, [value, distance], (back, gradient, scope) => {
      const inside = within(back, ratio, range);
      const slope = back.sub(codes, back.mul(ratio, inside));
      return [
        () => back.mul(gradient, inside),
        () => back.scale(back.sumTo(back.mul(gradient, slope), scope.dims(value), []), 2 / range.high),
      ];
    });
    const start = (quantizer.scale * range.high) / 2;
    return {
      output,
      own: [own],
      parameters: [relativeParameter(distance, scalarArray(start), rate, 0.01 * start)],
      scale,
      zeroPoint,
    };
  },
};
