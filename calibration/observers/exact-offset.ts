import { type ActivationQuantizer, CODES } from '../../src/numerics/activation.js';
import { quantizerOfRange, quantizeValue, unsignedRange } from '../../src/numerics/affine.js';
import { clamp, roundHalfEven } from '../../src/numerics/round.js';
import { settled, tableError } from '../act-schemes/level-table.js';
import { RunningSums } from '../running-sums.js';
import type { Distribution } from '../statistics.js';
import type { OffsetFit } from './observer.js';

/** A quantizer with the levels of a real offset, and what it makes of a distribution. */
export interface ExactOffset {
  readonly quantizer: ActivationQuantizer;
  /** Mean squared error, in squared units of the tensor. */
  readonly error: number;
}

/**
 * Levels scale·k + offset with a real offset β (Bhalgat et al. 2020, eq. 3 and 4), as a table of uint8 codes: they are
 * rounded to the 256 codes of their range, 0 included, instead of β to a whole step.
 *
 * A value of exactly 0 gets the level next to it, as in the paper; zero padding stays exact, since the grid has its own 0.
 *
 * @param bits - width of the levels, 2 to 7
 */
export function exactOffset(
  { scale, offset }: OffsetFit,
  distribution: Distribution,
  bits: number,
): ExactOffset {
  const steps = unsignedRange(bits).high;
  const grid = quantizerOfRange(offset, offset + steps * scale, 8);
  const table = Uint8Array.from({ length: CODES }, (_, code) => {
    const x = (code - grid.zeroPoint) * grid.scale;
    const k = clamp(roundHalfEven((x - offset) / scale), 0, steps);
    return quantizeValue(offset + k * scale, grid);
  });
  const quantizer = { kind: 'lut', grid, table: settled(table) } as const;
  const sums = new RunningSums(distribution);
  const [elements] = sums.upTo(Number.POSITIVE_INFINITY);
  return { quantizer, error: Math.max(tableError(sums, quantizer), 0) / elements };
}
