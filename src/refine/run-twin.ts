import { THREADS } from '../calibrate/session-threads.js';
import { withModel } from '../load/with-model.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { RefinableLayer } from './layers.js';
import { chunksFor, type WalkSources } from './open-walk.js';
import type { TwinGraph } from './twin-graph.js';

/**
 * Run the float and the quantized network side by side over samples.
 *
 * @param layers - those of the twin graph
 * @param outputs - values of either side
 * @param each - told what they are in a chunk, and how many samples that has
 */
export async function runTwin(
  { model, ...sources }: Omit<WalkSources, 'maxMemoryBytes'>,
  { twin, layers }: { readonly twin: TwinGraph; readonly layers: readonly RefinableLayer[] },
  outputs: readonly string[],
  each: (results: ReadonlyMap<string, NdArray>, samples: number) => void,
): Promise<void> {
  const graph = {
    ...model.graph,
    nodes: [...twin.nodes],
    initializers: twin.constants,
    outputs: outputs.map((name) => ({ name, dataType: undefined, shape: undefined })),
  };
  const settings = { mode: 'exact', threads: THREADS, label: 'the quantized model' } as const;
  await withModel({ ...model, graph }, settings, async (session) => {
    for await (const { feed, samples } of chunksFor({ model, ...sources }, layers))
      each(await session.run(feed, outputs), samples);
  });
}
