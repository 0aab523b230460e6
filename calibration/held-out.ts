import type { SampleSource } from './source.js';
import { partOf, samplesOfFirstRun } from './spread-source.js';

/** One run of the model in so many is held out. */
const HELD_OUT_ONE_IN = 8;

/** Samples that statistics are made of, and samples that they have not seen. */
export interface Split {
  readonly kept: SampleSource;
  readonly heldOut: SampleSource;
  /** Whether a sample is held out, by its place in the source. */
  readonly isHeldOut: (sample: number) => boolean;
}

/**
 * Hold out the samples of one run in so many. Of fewer runs none can be spared: then both are all of them.
 */
export async function splitSource(source: SampleSource, oneIn = HELD_OUT_ONE_IN): Promise<Split> {
  const perRun = await samplesOfFirstRun(source);
  const runs = Math.ceil(source.length / perRun);
  const heldOutRuns = Math.floor(runs / oneIn);
  if (heldOutRuns === 0) return { kept: source, heldOut: source, isHeldOut: () => true };
  const isHeldOut = (run: number) => run % oneIn === oneIn - 1;
  // The last run may be filled up with copies.
  const missing = runs * perRun - source.length;
  const heldOut = heldOutRuns * perRun - (isHeldOut(runs - 1) ? missing : 0);
  return {
    kept: partOf(source, (run) => !isHeldOut(run), source.length - heldOut),
    heldOut: partOf(source, isHeldOut, heldOut),
    isHeldOut: (sample) => isHeldOut(Math.floor(sample / perRun)),
  };
}
