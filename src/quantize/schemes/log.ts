import { SMALLEST_NORMAL } from '../../numerics/affine.js';
import { magnitudesBySign } from '../../numerics/magnitudes-by-sign.js';
import type { CodebookTensor } from '../quantized-tensor.js';
import { joinChannels, splitChannels } from './channels.js';
import { leastSquaresScale } from './scale-search.js';
import { anyWidth, type Scheme, type WeightRequest } from './scheme.js';

/** LogQuant with base 2: at 4 bits int8 has its levels exactly, 1 … 64. */
export const log: Scheme = logarithmic({
  name: 'log',
  base: 2,
  summary: 'LogQuant, powers of 2 and 0',
});

/** LogQuant with base √2: closer levels, half the octaves, each rounded to int8. */
export const logSqrt2: Scheme = logarithmic({
  name: 'log-sqrt2',
  base: Math.SQRT2,
  summary: 'LogQuant, powers of √2 and 0',
});

/**
 * Weights in the log domain (Miyashita et al. 2016, eq. 3 and 4): 0, or sign · base^x̃ with
 * x̃ = Clip(Round(log_base |w|), …), 2^(bits−1) − 1 magnitudes beside the sign. A weight goes to the level that is
 * nearest in the log domain, from √base below it; below the smallest one's reach it is 0; beyond the largest, that one.
 *
 * The full-scale range is ours to choose: that of least squared error for each channel or the tensor, any real number
 * (the paper's is an integer exponent, for shifts).
 *
 * The levels are int8, so their span is 7 octaves (6 with a reduced range). Magnitudes below it become 0: with base 2,
 * 5 bits and more have nothing that 4 bits do not have. Levels of base √2 are rounded to the grid.
 */
function logarithmic({ name, base, summary }: { name: string; base: number; summary: string }): Scheme {
  return {
    name,
    summary,
    widths: anyWidth,
    note({ bits, limit }) {
      const { magnitudes } = logLevels(base, bits, limit);
      const held = new Set(magnitudes.filter((level) => level > 0)).size;
      if (held < magnitudes.length) return `int8 holds ${held} of ${magnitudes.length} magnitudes`;
      return Number.isInteger(base) ? undefined : 'levels rounded to int8';
    },
    quantize(request: WeightRequest): CodebookTensor {
      const { values, dims, bits, axis, limit } = request;
      const { magnitudes, thresholds } = logLevels(base, bits, limit);
      // What rounds to 0 is no level of its own.
      const first = magnitudes.findIndex((level) => level > 0);
      const grid = { levels: magnitudes.slice(first), thresholds: thresholds.slice(first) };
      const sign = 2 ** (bits - 1);
      const channels = splitChannels(request);
      const scales = new Float32Array(channels.length);
      const indices = channels.map((weights, c) => {
        const { negative, others } = magnitudesBySign(weights);
        const least = Math.max(request.scaleFloor[c] as number, SMALLEST_NORMAL);
        const sides = [negative, others].map((side) => ({ magnitudes: side, ...grid }));
        const scale = Math.fround(leastSquaresScale(sides, least));
        scales[c] = scale;
        const indices = new Uint8Array(weights.length);
        for (let i = 0; i < indices.length; i++) {
          const w = weights[i] as number;
          const steps = Math.fround(Math.abs(w) / scale);
          let magnitude = 0;
          // No branches: half of them would be guessed wrongly.
          for (let part = sign >> 1; part > 0; part >>= 1)
            magnitude += part * Number(steps >= (thresholds[magnitude + part - 1] as number));
          indices[i] = sign * (Number(w < 0) & Number(magnitude > 0)) + magnitude;
        }
        return indices;
      });
      return {
        kind: 'codebook',
        dims,
        indices: joinChannels(indices, request, new Uint8Array(values.length)),
        bits,
        levels: Int8Array.of(0, ...magnitudes, 0, ...magnitudes.map((level) => -level)),
        channelsPerCodebook: undefined,
        axis,
        scales,
      };
    },
  };
}

/** Magnitudes on the int8 grid, ascending, and the least number of steps that goes to each. */
interface LogLevels {
  readonly magnitudes: readonly number[];
  readonly thresholds: readonly number[];
}

/** The levels: top · base^−k, rounded. The top is the integer whose levels are rounded least, relative to themselves. */
function logLevels(base: number, bits: number, limit: number): LogLevels {
  const count = 2 ** (bits - 1) - 1;
  let best: { top: number; error: number } | undefined;
  for (let top = limit; top > limit / 2; top--) {
    let error = 0;
    for (let k = 0; k < count; k++) {
      const level = top * base ** -k;
      if (level >= 1) error = Math.max(error, Math.abs(Math.round(level) / level - 1));
    }
    if (!best || error < best.error) best = { top, error };
  }
  const top = best?.top ?? limit;
  const ideal = Array.from({ length: count }, (_, i) => top * base ** (i - count + 1));
  return {
    // Half a step is no level: rounded up it would only repeat the next.
    magnitudes: ideal.map((level) => (level > 0.75 ? Math.round(level) : 0)),
    thresholds: ideal.map((level) => level / Math.sqrt(base)),
  };
}
