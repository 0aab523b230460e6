import type { SampleSource } from '../../calibration/source.js';
import { firstFeed } from '../calibrate/samples.js';
import { sessionThreads, THREADS } from '../calibrate/session-threads.js';
import type { Model } from '../graph/model.js';
import { recurrenceOf } from '../graph/recurrence.js';
import { measureShapes } from '../load/measure-shapes.js';
import { elementCount } from '../numerics/nd-array.js';
import type { RefineSettings } from '../recipe.js';
import { memoryBytes } from '../runtime/machine.js';
import { ActivationStore } from './activation-store.js';
import { type Chunk, chunksOf } from './chunks.js';
import type { RefinableLayer } from './layers.js';
import type { TwinGraph } from './twin-graph.js';
import { Walk } from './walk.js';
import { keyOf } from './walk-lane.js';
import { type Sharing, WalkThreads } from './walk-threads.js';
import { matrixSizeOf } from './weight-matrix.js';

/** Samples in a chunk, at most: more of them gain no time. */
const MOST_SAMPLES = 32;

/** How much of the samples is run at once. */
export interface ChunkLimit {
  /**
   * What a layer's result may take in one chunk, in bytes. It follows from the model alone and not from the memory at hand,
   * since sums over other chunks differ in their last bits.
   */
  readonly bytes: number;
  /** Whether the same holds for what a layer's places read, since they are laid out beside each other. */
  readonly unfolds: boolean;
}

const UNFOLDED: ChunkLimit = { bytes: 32 * 2 ** 20, unfolds: true };

/** Activations are float32. */
const ELEMENT_BYTES = 4;

/** Part of the memory that is free that activations between steps may take before they go to files. */
const STORE_SHARE = 0.5;

/** What a thread that walks takes beside what it keeps: its code, and a step's session and results. */
const THREAD_BYTES = 192 * 2 ** 20;

/** What activations of all samples may take where a refiner keeps them: of small models all, of large ones what serves. */
const KEPT_BYTES = 384 * 2 ** 20;

/** Values as large as the largest result of a layer that are kept at once: of both networks, before and behind a layer. */
const KEPT_VALUES = 4;

/**
 * How many samples a walk goes over at most, so that what it keeps of them follows from the model and not from how many
 * there are. A setting `samples` above 0 says it instead.
 *
 * @param least - as many in any case
 */
export const samplesOfWalk =
  (least: number) =>
  ({ samples }: RefineSettings, shapes: Shapes): number => {
    if (Number(samples) > 0) return Number(samples);
    const largest = Math.max(1, ...[...shapes.values()].map(elementCount));
    return Math.max(least, Math.floor(KEPT_BYTES / (KEPT_VALUES * ELEMENT_BYTES * largest)));
  };

/** The setting that says on how many samples a refiner that walks works. */
export const samplesSetting = {
  ...{ key: 'samples', summary: 'samples used at most; 0: as many as the sizes of the layers allow' },
  ...{ usual: 0, least: 0, most: 1e6 },
} as const;

/** The model, the samples and the memory of a walk. */
export interface WalkSources {
  readonly model: Model;
  readonly source: SampleSource;
  readonly maxMemoryBytes: number | undefined;
  /** Shapes of the layers' results for the first sample, where they are known. */
  readonly shapes?: Shapes | undefined;
}

/** Shapes of values, by their names. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** What a walk goes over: the layers, and what each step will need. */
export interface WalkPlan {
  readonly graph: TwinGraph;
  readonly layers: readonly RefinableLayer[];
  readonly needs: readonly (readonly string[])[];
  readonly limit?: ChunkLimit | undefined;
  /**
   * How threads may walk with a part of the chunks each, which pays where what steps give is little. How many do changes no
   * bit; that they may does, since operators are run otherwise then. None without it.
   */
  readonly sharing?: Sharing | undefined;
}

/**
 * Work with a walk over the samples; its temporary files are gone afterwards.
 *
 * @throws ThreadFailure where another thread fails
 */
export async function withWalk<T>(
  sources: WalkSources,
  { graph, layers, needs, limit, sharing }: WalkPlan,
  work: (walk: Walk) => Promise<T>,
): Promise<T> {
  const { model, maxMemoryBytes } = sources;
  const free = Math.max(0, (maxMemoryBytes ?? memoryBytes() / 2) - process.memoryUsage.rss());
  const most = sharing ? (sharing.threads ?? Math.min(sessionThreads(model), threadsWithin(free))) : 1;
  const budgetBytes = (free * STORE_SHARE) / most;
  const store = new ActivationStore(budgetBytes);
  let others: WalkThreads | undefined;
  try {
    const counts: number[] = [];
    let names: readonly string[] = [];
    for await (const { feed, samples } of chunksFor(sources, layers, limit)) {
      names = Object.keys(feed);
      for (const [name, array] of Object.entries(feed)) store.put(keyOf(counts.length, name), array);
      counts.push(samples);
    }
    if (sharing) others = new WalkThreads(counts.length, { ...sharing, threads: most, budgetBytes });
    return await work(new Walk(model, graph, { store, names, samples: counts }, needs, others));
  } finally {
    await others?.close();
    store.clear();
  }
}

/** Threads that the memory beside what they keep is enough for. */
const threadsWithin = (freeBytes: number): number =>
  1 + Math.floor((freeBytes * (1 - STORE_SHARE)) / THREAD_BYTES);

/** The samples in chunks as large as the layers allow. */
export async function* chunksFor(
  sources: Omit<WalkSources, 'maxMemoryBytes'>,
  layers: readonly RefinableLayer[],
  limit = UNFOLDED,
): AsyncIterable<Chunk> {
  const { model, source } = sources;
  yield* chunksOf(source, model, chunkSize(layers, await measureLayers(sources, layers), limit));
}

/** The shapes of the layers' results for the first sample. */
export async function measureLayers(
  { model, source, shapes }: Omit<WalkSources, 'maxMemoryBytes'>,
  layers: readonly RefinableLayer[],
): Promise<Shapes> {
  const outputs = layers.map(({ output }) => output);
  if (shapes && outputs.every((output) => shapes.has(output))) return shapes;
  const settings = { mode: 'basic', threads: THREADS, label: 'the float model' } as const;
  return measureShapes(model, outputs, await firstFeed(source), settings);
}

/** Samples in a chunk, so that no layer takes more than the limit. */
function chunkSize(
  layers: readonly RefinableLayer[],
  shapes: Shapes,
  { bytes, unfolds }: ChunkLimit,
): number {
  let largest = 1;
  for (const { node, linear, output } of layers) {
    // Products inside a recurrent operator have a row for each gate of what it gives.
    const elements = elementCount(shapes.get(output) ?? []) * (recurrenceOf(node)?.gates ?? 1);
    const { columns, groups } = matrixSizeOf(linear);
    const read = unfolds ? (elements / linear.outputChannels) * columns * groups : 0;
    largest = Math.max(largest, elements, read);
  }
  return Math.max(1, Math.min(MOST_SAMPLES, Math.floor(bytes / (ELEMENT_BYTES * largest))));
}
