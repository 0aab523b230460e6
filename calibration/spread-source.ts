import type { SampleSource } from './source.js';

/**
 * Samples spread evenly over a source, in its order: whole runs, as many as `count` samples fill.
 *
 * @param count - samples wanted, at least; all of the source where it has no more
 */
export async function spreadSource(source: SampleSource, count: number): Promise<SampleSource> {
  if (count >= source.length) return source;
  const perRun = await samplesOfFirstRun(source);
  const runs = Math.ceil(source.length / perRun);
  const wanted = Math.ceil(count / perRun);
  if (wanted >= runs) return source;
  const isIn = (run: number) => Math.floor(((run + 1) * wanted) / runs) > Math.floor((run * wanted) / runs);
  // The last run, which is always one of them, may be filled up with copies.
  const missing = runs * perRun - source.length;
  return partOf(source, isIn, wanted * perRun - missing);
}

/** How many samples the first run of a source has. */
export async function samplesOfFirstRun(source: SampleSource): Promise<number> {
  for await (const { samples } of source.open()) return samples;
  return 1;
}

/**
 * Some runs of a source.
 *
 * @param length - samples in them
 */
export function partOf(source: SampleSource, isIn: (run: number) => boolean, length: number): SampleSource {
  return {
    ...source,
    length,
    async *open() {
      let run = 0;
      for await (const batch of source.open()) if (isIn(run++)) yield batch;
    },
  };
}
