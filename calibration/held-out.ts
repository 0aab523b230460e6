import type { SampleSource } from './source.js';

/** One run of the model in so many is held out. */
const HELD_OUT_ONE_IN = 8;

/** Samples that statistics are made of, and samples that they have not seen. */
export interface Split {
  readonly kept: SampleSource;
  readonly heldOut: SampleSource;
}

/**
 * Hold out every eighth run's samples. Of fewer than eight runs none can be spared: then both are all of them.
 */
export async function splitSource(source: SampleSource): Promise<Split> {
  const perRun = await samplesOfFirstRun(source);
  const runs = Math.ceil(source.length / perRun);
  const heldOutRuns = Math.floor(runs / HELD_OUT_ONE_IN);
  if (heldOutRuns === 0) return { kept: source, heldOut: source };
  const isHeldOut = (run: number) => run % HELD_OUT_ONE_IN === HELD_OUT_ONE_IN - 1;
  // The last run may be filled up with copies.
  const missing = runs * perRun - source.length;
  const heldOut = heldOutRuns * perRun - (isHeldOut(runs - 1) ? missing : 0);
  return {
    kept: part(source, (run) => !isHeldOut(run), source.length - heldOut),
    heldOut: part(source, isHeldOut, heldOut),
  };
}

async function samplesOfFirstRun(source: SampleSource): Promise<number> {
  for await (const { samples } of source.open()) return samples;
  return 1;
}

function part(source: SampleSource, isIn: (run: number) => boolean, length: number): SampleSource {
  return {
    ...source,
    length,
    async *open() {
      let run = 0;
      for await (const batch of source.open()) if (isIn(run++)) yield batch;
    },
  };
}
