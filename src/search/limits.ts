import type { SearchLimits } from '../options.js';
import type { Quality } from './verify.js';

/** One-sided 95 %: the true value is below the measured one and so many standard errors. */
const SURE = 1.645;

/**
 * Models with more than so many times the noise say nothing of a drop: at last it no longer grows with the noise. Of a
 * ResNet-20 the drop over the noise is 0.3 at 11, 14 and 20 dB alike.
 */
export const FAR = 8;

/** What was measured of a model, as far as limits are on it. */
export type Measured = Pick<Quality, 'samples' | 'drop' | 'dropError' | 'sqnrDb'>;

/** Whether the limits on quality are kept as far as it was measured. */
export function keepsMeasured({ drop, sqnrDb }: Measured, { maxDrop, minSqnrDb }: SearchLimits): boolean {
  const keepsDrop = maxDrop === undefined || (drop !== null && drop <= maxDrop);
  return keepsDrop && (minSqnrDb === undefined || sqnrDb === null || sqnrDb >= minSqnrDb);
}

/**
 * Whether the limits can be expected to be kept on other samples like those that were measured: of a drop of accuracy, with
 * certainty, by the upper end of what all models that were measured say together.
 */
export function keepsSurely(measured: Measured, all: readonly Measured[], limits: SearchLimits): boolean {
  const { maxDrop, minSqnrDb } = limits;
  const isSure = maxDrop === undefined || (measured.drop !== null && dropBound(measured, all) <= maxDrop);
  return isSure && keepsMeasured(measured, { minSqnrDb });
}

/**
 * The upper end of the drop of accuracy at a model's noise, with 95 % certainty, from all models that were measured.
 *
 * The drop of one model hangs on a few samples. But for small errors it is proportional to their power: of the samples that
 * are near a tie, whose number grows with the error's amplitude, as many are won as are lost where the tie is even, and
 * what is lost more, the further the tie is away, grows with the amplitude once more. So one line through the origin is
 * fitted, drop = β·noise, each model weighted by its standard error.
 */
function dropBound(measured: Measured, all: readonly Measured[]): number {
  // A share of samples that changed is a bound already.
  if (measured.dropError === 0) return measured.drop ?? 0;
  const noise = noiseOf(measured);
  let [squares, products] = [0, 0];
  for (const each of all) {
    if (each.drop === null || noiseOf(each) > FAR * noise) continue;
    // No model is known better than to one sample.
    const weight = Math.max(each.dropError, 1 / each.samples) ** -2;
    squares += weight * noiseOf(each) ** 2;
    products += weight * noiseOf(each) * each.drop;
  }
  return noise * (Math.max(0, products / squares) + SURE / Math.sqrt(squares));
}

const noiseOf = ({ sqnrDb }: Measured): number => (sqnrDb === null ? 0 : 10 ** (-sqnrDb / 10));
