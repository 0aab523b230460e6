import type { OutputDrift } from './compare-outputs.js';
import { type Drift, worstDb } from './drift.js';

/** dB of a drift for comparing: what could not be compared is the worst there is. */
function rankOf(drift: Drift): number {
  if (drift.nonFiniteMismatches > 0 || drift.shapeMismatches > 0) return Number.NEGATIVE_INFINITY;
  return worstDb(drift) ?? Number.POSITIVE_INFINITY;
}

/** The output that differs most from float, as its users see it; the first of equals, undefined where there is none. */
export function worstOutput<T extends Pick<OutputDrift, 'deployed'>>(outputs: readonly T[]): T | undefined {
  return outputs.reduce<T | undefined>(
    (worst, output) => (!worst || rankOf(output.deployed) < rankOf(worst.deployed) ? output : worst),
    undefined,
  );
}

/** Noise of a tenth of the signal in power, and an angle of 26 degrees: what is left says little of what was there. */
const UNUSABLE_DB = 10;
const UNUSABLE_COSINE = 0.9;

/** Whether an output is so far from float that whoever reads it gets something else. */
export function isUnusable({ deployed }: Pick<OutputDrift, 'deployed'>): boolean {
  const [db, { cosine }] = [worstDb(deployed), deployed];
  return (db !== null && db < UNUSABLE_DB) || (cosine !== null && cosine < UNUSABLE_COSINE);
}
