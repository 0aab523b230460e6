import type { ActivationQuantizer } from '../../src/numerics/activation.js';
import type { TensorStatistics } from '../statistics.js';
import type { ActScheme } from './act-scheme.js';
import { tableQuantizer } from './level-table.js';

/** Resolution of the logarithm: 16 bins an octave, 1,024 bins from 2^−40 to 2^24. */
const PER_OCTAVE = 16;
const FIRST_BIN = -640;
const BINS = 1024;

/** Distances of two levels, in bins: an eighth of an octave to two octaves. */
const STEPS = Array.from({ length: 16 }, (_, i) => 2 * (i + 1));

/**
 * Weighted entropy for activations (Park, Ahn, Yoo 2017, §3.2): level 0 is 0, level k is 2^((fsr + (k − 1)·step)/16),
 * with the fsr and the step that maximize −Σ level·P·log P over the levels above 0, P being their shares of the positive
 * elements. Thresholds stand half a step below each level; the topmost level takes all that is larger.
 *
 * It is for values that are never negative, as behind Relu: others stay uniform. The fsr is the lowest level, not
 * LogQuant's upper limit.
 */
export const wentropy: ActScheme = {
  name: 'wentropy',
  summary: 'logarithmic levels of the largest weighted entropy, for values that are never negative',
  quantizer(statistics: TensorStatistics, bits: number): ActivationQuantizer | undefined {
    if (statistics.min < 0 || !(statistics.max > 0)) return undefined;
    const below = cumulated(logHistogram(statistics));
    const levels = bestLevels(below, 2 ** bits);
    if (!levels) return undefined;
    const { fsr, step, top } = levels;
    const levelOf = (value: number): number => {
      const k = Math.floor((PER_OCTAVE * Math.log2(value) - fsr) / step + 0.5);
      return k < 0 ? 0 : 2 ** ((fsr + Math.min(k, top) * step) / PER_OCTAVE);
    };
    return tableQuantizer({ top: 2 ** ((fsr + top * step) / PER_OCTAVE), isSigned: false, levelOf });
  },
};

/** Where levels stand. */
export interface LogLevels {
  /** Exponent of the lowest level above 0, in 1/16. */
  readonly fsr: number;
  /** Distance of two levels, in 1/16 of an octave. */
  readonly step: number;
  /** Number of the highest level that an element reaches, the lowest being 0. */
  readonly top: number;
}

/**
 * The levels of the largest weighted entropy, by trying all of them: some 16,000 pairs of fsr and step.
 *
 * @param below - elements below each bin, and all of them at the end
 * @param levels - how many there are, with level 0
 * @returns undefined where no levels tell the elements apart: their entropy is 0
 */
export function bestLevels(below: Float64Array, levels: number): LogLevels | undefined {
  const all = below[BINS] as number;
  const belowBin = (bin: number) => below[Math.min(Math.max(bin - FIRST_BIN, 0), BINS)] as number;
  let best: LogLevels | undefined;
  let most = 0;
  for (const step of STEPS) {
    for (let fsr = FIRST_BIN; fsr < FIRST_BIN + BINS; fsr++) {
      let entropy = 0;
      let top = 0;
      let start = belowBin(fsr - step / 2);
      for (let k = 0; k < levels - 1; k++) {
        const end = k === levels - 2 ? all : belowBin(fsr + k * step + step / 2);
        const share = (end - start) / all;
        if (share > 0) {
          entropy -= 2 ** ((fsr + k * step) / PER_OCTAVE) * share * Math.log(share);
          top = k;
        }
        start = end;
      }
      if (entropy > most) {
        most = entropy;
        best = { fsr, step, top };
      }
    }
  }
  return best;
}

/** Positive elements by floor(16·log2 x), those beyond the ends in the outermost bins. */
export function logHistogram(statistics: TensorStatistics): Float64Array {
  const histogram = new Float64Array(BINS);
  const binOf = (x: number) =>
    Math.min(Math.max(Math.floor(PER_OCTAVE * Math.log2(x)) - FIRST_BIN, 0), BINS - 1);
  for (const { low, high, count } of statistics.distribution().bins) {
    // Zeros share a bin with subnormals alone.
    if (low <= 0) continue;
    // A bin of the float's bits is evenly filled, and narrower than one of these: it lies in one or two of them.
    const [first, last] = [binOf(low), binOf(high)];
    const edge = 2 ** ((last + FIRST_BIN) / PER_OCTAVE);
    const share = first === last ? 1 : (high - edge) / (high - low);
    histogram[last] = (histogram[last] as number) + count * share;
    histogram[first] = (histogram[first] as number) + count * (1 - share);
  }
  return histogram;
}

/** Running sums, one longer than what they are of. */
export function cumulated(counts: Float64Array): Float64Array {
  const sums = new Float64Array(counts.length + 1);
  counts.forEach((count, i) => {
    sums[i + 1] = (sums[i] as number) + count;
  });
  return sums;
}
