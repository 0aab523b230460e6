import { quantizerOfRange, symmetricQuantizer } from '../../src/numerics/affine.js';
import type { SampleRange } from '../statistics.js';
import { defaultObserverSettings, type Observer } from './observer.js';

/**
 * Exponential moving averages of each sample's range, in the order of the samples; the first one starts them
 * (Jacob et al. 2018, §3.1).
 *
 * moving = momentum·moving + (1 − momentum)·new, for the minimum and the maximum, or, symmetric, for max|a|: then
 * scale = moving/2^(bits−1) with codes from −2^(bits−1) on, so that the maximum is clipped by one step.
 */
export const ema: Observer = {
  name: 'ema',
  summary: "moving average of the samples' ranges",
  quantizer({ samples, min }, bits, { symmetric, momentum } = defaultObserverSettings) {
    const seen = samples.filter((sample) => sample.min <= sample.max);
    const moving = (of: (sample: SampleRange) => number) => movingAverage(seen.map(of), momentum);
    if (!symmetric)
      return quantizerOfRange(
        moving((sample) => sample.min),
        moving((sample) => sample.max),
        bits,
      );
    const magnitude = moving((sample) => Math.max(Math.abs(sample.min), Math.abs(sample.max)));
    const half = 2 ** (bits - 1);
    // The quantizer divides by half − 1.
    return min < 0
      ? symmetricQuantizer((magnitude * (half - 1)) / half, true, bits)
      : symmetricQuantizer(magnitude, false, bits);
  },
};

function movingAverage([first = 0, ...others]: readonly number[], momentum: number): number {
  return others.reduce((moving, value) => momentum * moving + (1 - momentum) * value, first);
}
