import { withBatchAxes } from '../../calibration/batch-axis.js';
import type { SampleSource } from '../../calibration/source.js';
import { fedInputs, type Model, type ValueInfo } from '../graph/model.js';
import { type ArrayData, allocate, elementCount, type Feed, type NdArray } from '../numerics/nd-array.js';

/** Samples that are run together. */
export interface Chunk {
  readonly feed: Feed;
  readonly samples: number;
}

/**
 * The samples of a source in chunks: several in one feed where the model takes any number of them, else as the source
 * gives them. Samples of other shapes begin another chunk.
 *
 * @param size - samples in a chunk, at most; 1 leaves the feeds as they are
 */
export async function* chunksOf(source: SampleSource, model: Model, size: number): AsyncIterable<Chunk> {
  const inputs = withBatchAxes(fedInputs(model.graph));
  let waiting: Feed[] = [];
  const merged = (): Chunk => ({ feed: mergeFeeds(waiting), samples: waiting.length });
  for await (const { feed, samples, size: rows } of source.open()) {
    if (size === 1 || rows !== 1 || !mayMerge(inputs, feed)) {
      if (waiting.length > 0) yield merged();
      waiting = [];
      yield { feed, samples };
      continue;
    }
    if (waiting.length > 0 && !hasShapeOf(feed, waiting[0] as Feed)) {
      yield merged();
      waiting = [];
    }
    waiting.push(feed);
    if (waiting.length < size) continue;
    yield merged();
    waiting = [];
  }
  if (waiting.length > 0) yield merged();
}

/** Whether axis 0 of every input is open, is that of the samples, and holds one. */
function mayMerge(inputs: ReturnType<typeof withBatchAxes<ValueInfo>>, feed: Feed): boolean {
  return Object.entries(feed).every(([name, { dims }]) => {
    const input = inputs.find((each) => each.name === name);
    const isOpen = input?.shape === undefined || typeof input.shape[0] !== 'number';
    return dims[0] === 1 && isOpen && (input?.batchAxis ?? 0) === 0;
  });
}

const hasShapeOf = (feed: Feed, other: Feed): boolean =>
  Object.entries(feed).every(([name, { dims }]) => {
    const wanted = other[name]?.dims;
    return wanted?.length === dims.length && dims.every((dim, axis) => dim === wanted[axis]);
  });

function mergeFeeds(feeds: readonly Feed[]): Feed {
  const [first = {}] = feeds;
  if (feeds.length === 1) return first;
  return Object.fromEntries(
    Object.keys(first).map((name) => [name, stacked(feeds.map((feed) => feed[name] as NdArray))]),
  );
}

/** Arrays of one shape after one another along axis 0. */
function stacked(arrays: readonly NdArray[]): NdArray {
  const { type, dims } = arrays[0] as NdArray;
  const rows = (dims[0] ?? 1) * arrays.length;
  const length = elementCount(dims);
  const data = allocate(type, length * arrays.length);
  arrays.forEach((array, i) => {
    // All are of one type, which the compiler cannot know.
    (data as { set(from: ArrayData, at: number): void }).set(array.data, i * length);
  });
  return { type, dims: [rows, ...dims.slice(1)], data };
}
