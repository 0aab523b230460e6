import type { Steps } from '../../derive/steps.js';
import { refuseCodebook } from './lsq.js';
import {
  type ActivationLearner,
  ownGradient,
  scalarArray,
  scaleDims,
  signedCodes,
  type WeightQuantizer,
} from './simulated.js';
import { uniform, within } from './uniform.js';

/**
 * TQT (Jain et al. 2019): the scale is a power of two, s = 2^⌈log₂ t⌉ / 2^(bits−1), / 2^bits where values are from 0 on
 * (§3.1). ∂x̂/∂log₂t = s·ln 2·(round(x/s) − x/s) within, s·ln 2·n or p beyond (eq. 8).
 */
function powerOfTwo(steps: Steps, threshold: string, levels: number): string {
  const exponent = steps.sub(steps.op('Ceil', [threshold]), steps.scalar(Math.log2(levels)));
  return steps.op('Pow', [steps.scalar(2), exponent]);
}

/** The threshold whose scale is nearest above the one that calibration found, in the middle of its octave. */
const thresholdOf = (scale: number, levels: number) => Math.round(Math.log2(scale * levels)) - 0.5;

/** TQT, weights: a power of two a channel. */
export const tqtWeights: WeightQuantizer = {
  name: 'tqt',
  summary: 'steps that are powers of two, their thresholds learned (TQT)',
  refuse: refuseCodebook,
  simulate({ steps, fresh }, { value, tensor, rate }) {
    const range = signedCodes(tensor.bits);
    const levels = 2 ** (tensor.bits - 1);
    const threshold = fresh(`${value}/threshold`);
    const scale = powerOfTwo(steps, threshold, levels);
    const { ratio, codes, output } = uniform(steps, value, scale, undefined, range);
    const dims = scaleDims(tensor);
    const own = ownGradient(output, [value, threshold], (back, gradient) => {
      const inside = within(back, ratio, range);
      return [
        () => back.mul(gradient, inside),
        () => {
          const slope = back.mul(back.sub(codes, back.mul(ratio, inside)), scale);
          return back.scale(back.sumTo(back.mul(gradient, slope), tensor.dims, dims), Math.LN2);
        },
      ];
    });
    const data = Float32Array.from(tensor.scales, (each) => thresholdOf(each, levels));
    return {
      output,
      own: [own],
      parameters: [{ name: threshold, start: { type: 'float32', dims, data }, rate }],
      stored: { kind: 'affine', codes, scale },
    };
  },
};

/** TQT, activations: the zero point is 0, or the middle code where there are values below 0. */
export const tqtActivations: ActivationLearner = {
  name: 'tqt',
  summary: 'a step that is a power of two, its threshold learned (TQT)',
  simulate({ steps, fresh }, { value, quantizer, bits, isSigned, rate }) {
    const range = { low: 0, high: 2 ** bits - 1 };
    const levels = isSigned ? 2 ** (bits - 1) : 2 ** bits;
    const threshold = fresh(`${value}/threshold`);
    const scale = powerOfTwo(steps, threshold, levels);
    const zeroPoint = steps.scalar(isSigned ? levels : 0);
    const { ratio, codes, output } = uniform(steps, value, scale, zeroPoint, range);
    const own = ownGradient(output, [value, threshold], (back, gradient, scope) => {
      const shifted = back.add(ratio, zeroPoint);
      const inside = within(back, shifted, range);
      return [
        () => back.mul(gradient, inside),
        () => {
          const rest = back.mul(back.sub(shifted, zeroPoint), inside);
          const slope = back.sub(back.sub(codes, zeroPoint), rest);
          const summed = back.sumTo(back.mul(gradient, slope), scope.dims(value), []);
          return back.scale(back.mul(summed, scale), Math.LN2);
        },
      ];
    });
    return {
      output,
      own: [own],
      parameters: [{ name: threshold, start: scalarArray(thresholdOf(quantizer.scale, levels)), rate }],
      scale,
      zeroPoint,
    };
  },
};
