import { type ActivationQuantizer, CODES } from '../../src/numerics/activation.js';
import { SMALLEST_NORMAL } from '../../src/numerics/affine.js';
import { clamp, roundHalfEven } from '../../src/numerics/round.js';
import type { Moments, RunningSums } from '../running-sums.js';

/** Non-uniform levels of magnitudes; their negatives are levels too where values have a sign. */
export interface Levels {
  /** The largest level, > 0: the grid ends there, and what is larger gets it. */
  readonly top: number;
  readonly isSigned: boolean;
  /** The level of a magnitude, 0 for 0, never decreasing. */
  readonly levelOf: (magnitude: number) => number;
}

/**
 * Levels as a table from codes to codes on one uint8 grid, whose step is the largest level / 255, or / 127 with a sign.
 * Both the levels and the thresholds between them are rounded to the grid; what is below half a step is 0.
 */
export function tableQuantizer({ top, isSigned, levelOf }: Levels): ActivationQuantizer {
  const zeroPoint = isSigned ? CODES / 2 : 0;
  const steps = CODES - 1 - zeroPoint;
  const scale = Math.max(Math.fround(top / steps), SMALLEST_NORMAL);
  const grid = { scale, zeroPoint, low: 0, high: CODES - 1 };
  const codeOf = (magnitude: number) => clamp(roundHalfEven(magnitude / scale), 0, steps);
  const table = Uint8Array.from({ length: CODES }, (_, code) => {
    const magnitude = Math.min(Math.abs(code - zeroPoint), steps);
    const level = codeOf(levelOf(magnitude * scale));
    return code < zeroPoint ? zeroPoint - level : zeroPoint + level;
  });
  return { kind: 'lut', grid, table: settled(table) };
}

/** A code that is a level stays as it is: a threshold that was rounded may not move the level beside it. */
export function settled(table: Uint8Array): Uint8Array {
  const result = table.slice();
  for (const level of table) result[level] = level;
  return result;
}

const none: Moments = [0, 0, 0];

/** Σ (x − x̂)² of a table over a distribution: what the integer kernels will see, grid and all. */
export function tableError(sums: RunningSums, quantizer: ActivationQuantizer): number {
  if (quantizer.kind !== 'lut') throw new Error('no table');
  const { grid, table } = quantizer;
  let error = 0;
  let before = none;
  for (let code = 0; code < CODES; code++) {
    const isLast = code === CODES - 1;
    // Codes with one level are one interval.
    if (!isLast && table[code] === table[code + 1]) continue;
    const end = isLast ? Number.POSITIVE_INFINITY : (code + 0.5 - grid.zeroPoint) * grid.scale;
    const upTo = sums.upTo(end);
    const level = ((table[code] as number) - grid.zeroPoint) * grid.scale;
    const [count, sum, squares] = [upTo[0] - before[0], upTo[1] - before[1], upTo[2] - before[2]];
    error += squares - 2 * level * sum + level * level * count;
    before = upTo;
  }
  return error;
}
