import { type AffineQuantizer, quantizerOfEnds, SMALLEST_NORMAL } from '../../src/numerics/affine.js';
import { RunningSums } from '../running-sums.js';
import { clippedError, clippingWeight } from './mse.js';
import { defaultObserverSettings, type Observer } from './observer.js';

/** Octaves below the scale at which nothing is clipped that are tried: what is clipped then is nearly all. */
const OCTAVES = 8;

/** Of the largest power of two in float32. */
const LARGEST_EXPONENT = 127;

/**
 * The scale of least squared error among powers of two, so that an integer machine rescales by a shift alone; the zero point is
 * 0, the middle code where values are on both sides of 0, or the last where all are below (TQT, Jain et al. 2019, §3.1). At 8 bits what is clipped counts tenfold, as
 * in `mse`.
 */
export const pow2: Observer = {
  name: 'pow2',
  summary: 'the power of two of least squared error as scale, zero point 0 or the middle',
  quantizer(statistics, bits, { symmetric } = defaultObserverSettings) {
    const { min, max } = statistics;
    const whole = quantizerOfEnds(min, max, bits, min < 0 && (max > 0 || symmetric));
    const exponent = Math.ceil(Math.log2(Math.max(whole.scale, SMALLEST_NORMAL)));
    const largest = 2 ** Math.min(exponent, LARGEST_EXPONENT);
    if (min === max) return { ...whole, scale: largest };
    const sums = new RunningSums(statistics.distribution());
    const tried = Array.from(
      { length: OCTAVES },
      (_, octave): { quantizer: AffineQuantizer; error: number } => {
        const quantizer = { ...whole, scale: Math.max(largest / 2 ** octave, SMALLEST_NORMAL) };
        return { quantizer, error: clippedError(sums, quantizer, clippingWeight(bits)) };
      },
    );
    return tried.reduce((best, each) => (each.error < best.error ? each : best)).quantizer;
  },
};
