import type { ActivationQuantizer } from '../../src/numerics/activation.js';
import { RunningSums } from '../running-sums.js';
import type { TensorStatistics } from '../statistics.js';
import type { ActScheme } from './act-scheme.js';
import { tableError, tableQuantizer } from './level-table.js';

/** Octaves of a uint8 grid: exponents further below the top round to 0. */
const OCTAVES = 9;

/**
 * LogQuant of base 2 (Miyashita et al. 2016, eq. 4–6): sign·2^x̃, x̃ = round(log2|x|) within [FSR − 2^b + 1, FSR − 1],
 * and 0 below that; with a sign, b is a bit less. Rounding in the log domain puts the thresholds at √2·2^k.
 *
 * The full-scale range FSR is that of least squared error over the histogram, grid included. The uint8 grid holds the
 * nine uppermost octaves (eight with a sign), its levels within 0.4 % of powers of two.
 */
export const log: ActScheme = {
  name: 'log',
  summary: 'powers of two, their range by least squared error',
  quantizer(statistics: TensorStatistics, bits: number): ActivationQuantizer | undefined {
    const largest = Math.max(Math.abs(statistics.min), Math.abs(statistics.max));
    if (largest === 0) return undefined;
    const isSigned = statistics.min < 0;
    const sums = new RunningSums(statistics.distribution());
    const highest = Math.ceil(Math.log2(largest));
    let best: { quantizer: ActivationQuantizer; error: number } | undefined;
    for (let top = highest; top > highest - OCTAVES; top--) {
      const quantizer = logQuantizer(top, isSigned ? bits - 1 : bits, isSigned);
      const error = tableError(sums, quantizer);
      if (!best || error < best.error) best = { quantizer, error };
    }
    return best?.quantizer;
  },
};

/** Levels 2^top, 2^(top − 1), …, 2^bits − 1 of them, and 0: FSR is top + 1. */
function logQuantizer(top: number, bits: number, isSigned: boolean): ActivationQuantizer {
  const bottom = top - (2 ** bits - 2);
  const levelOf = (magnitude: number): number => {
    const exponent = Math.round(Math.log2(magnitude));
    return exponent < bottom ? 0 : 2 ** Math.min(exponent, top);
  };
  return tableQuantizer({ top: 2 ** top, isSigned, levelOf });
}
