import type { SampleSource } from '../../calibration/source.js';

/** Samples 0, 1, 2, …, some to a run; the last run is filled up. */
export function counting(length: number, perRun: number): SampleSource {
  return {
    label: 'counting',
    length,
    preprocess: 'none',
    async *open() {
      for (let start = 0; start < length; start += perRun) {
        const data = Float32Array.from({ length: perRun }, (_, i) => (start + i) % length);
        yield {
          feed: { x: { type: 'float32', dims: [perRun], data } },
          size: perRun,
          samples: Math.min(perRun, length - start),
        };
      }
    },
  };
}

/** The numbers of its samples, in order. */
export async function samplesOf(source: SampleSource): Promise<number[]> {
  const found: number[] = [];
  for await (const { feed, samples } of source.open())
    found.push(...[...(feed.x?.data ?? [])].slice(0, samples).map(Number));
  return found;
}
