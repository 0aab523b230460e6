import { THREADS, threadsInside } from '../calibrate/session-threads.js';
import { isOp, type Model, type Node, subgraphsOf, type ValueInfo } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import { readsOf } from '../graph/uses.js';
import { withLoadable } from '../load/with-model.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { ActivationStore } from './activation-store.js';
import { type ChunkResults, keyOf, type LaneStep, type Results, WalkLane } from './walk-lane.js';
import type { WalkThreads } from './walk-threads.js';
import type { Fragment } from './weight-matrix.js';

/** One step of a walk: what it needs, and what it computes of it. */
export interface Step {
  /** Values of the graph that the step's own nodes read. */
  readonly needs: readonly string[];
  readonly own: Fragment;
  /** Results of its own nodes, given back for each chunk. */
  readonly results: readonly string[];
}

/** A graph that is run in steps. */
export interface WalkedGraph {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** What a walk goes over: samples that were put into a store, chunk by chunk. */
export interface WalkedFeeds {
  readonly store: ActivationStore;
  readonly names: readonly string[];
  /** Samples of each chunk. */
  readonly samples: readonly number[];
}

/**
 * Run a graph over samples in steps, so that constants can change between them: each node runs once for each chunk of
 * samples, in the first step that needs it, with the constants as they are then. What later steps read is kept.
 */
export class Walk {
  readonly #model: Model;
  readonly #graph: WalkedGraph;
  readonly #store: ActivationStore;
  readonly #lane: WalkLane;
  readonly #others: WalkThreads | undefined;
  /** Chunks that are run here: all of them, until others take some. */
  #own: readonly number[];
  /** Samples of each chunk. */
  readonly samples: readonly number[];
  readonly #producers = new Map<string, Node>();
  readonly #done = new Set<Node>();
  /** Values that are kept for each chunk. */
  readonly #kept: Set<string>;
  /** For each step still to come, the values that it needs. */
  readonly #coming: (readonly string[])[];

  /**
   * @param feeds - the store gets what steps leave for others, too
   * @param coming - of every step, in order, what it needs
   * @param others - threads that may take a part of the chunks; with them one thread is inside of each operator, or as many
   *   as follow from the model, whether there are any or not
   */
  constructor(
    model: Model,
    graph: WalkedGraph,
    feeds: WalkedFeeds,
    coming: readonly (readonly string[])[],
    others?: WalkThreads,
  ) {
    this.#model = model;
    this.#graph = graph;
    this.#store = feeds.store;
    this.#lane = new WalkLane(feeds.store);
    this.#others = others;
    this.samples = feeds.samples;
    this.#own = [...feeds.samples.keys()];
    this.#kept = new Set(feeds.names);
    this.#coming = [...coming];
    for (const each of graph.nodes)
      for (const output of each.outputs) if (output) this.#producers.set(output, each);
  }

  /**
   * Run the next step.
   *
   * @param each - gets the step's results chunk by chunk, in their order
   * @throws ThreadFailure where another thread fails: nothing can be said of its chunks any more
   */
  async next(step: Step, each: (results: Results, chunk: number) => void): Promise<void> {
    const taken = await this.#others?.taken(this.#coming.flat().length, this.#kept, this.#store);
    if (taken) this.#own = this.#own.filter((chunk) => !taken.has(chunk));
    this.#coming.shift();
    const nodes = this.#missing(step.needs);
    for (const made of nodes) this.#done.add(made);
    const made = new Set(nodes.flatMap((each) => each.outputs));
    const later = this.#readLater();
    const keeps = [...made].filter((value) => value && later.has(value));
    const all = [...nodes, ...step.own.nodes];
    const inputs = [...new Set(all.flatMap(readsOf))].filter(
      (value) => this.#kept.has(value) && !made.has(value),
    );
    const gone = [...this.#kept].filter((value) => !later.has(value));
    const { results } = step;
    if (keeps.length + results.length > 0)
      await this.#run({ nodes: all, constants: step.own.constants }, { inputs, keeps, results, gone }, each);
    else await Promise.all([this.#lane.forget(gone, this.#own), this.#others?.forget(gone)]);
    for (const value of gone) this.#kept.delete(value);
    for (const value of keeps) this.#kept.add(value);
  }

  async #run(
    { nodes, constants }: Fragment,
    values: Pick<LaneStep, 'inputs' | 'keeps' | 'results' | 'gone'>,
    each: (results: Results, chunk: number) => void,
  ): Promise<void> {
    const read = new Set(nodes.flatMap(readsOf));
    const all = [...this.#graph.constants, ...constants].filter(([name]) => read.has(name));
    const { inputs, keeps, results } = values;
    const inputOf = takesAnyRank(nodes) ? inputOfAnyRank : inputInfo;
    const model: Model = {
      ...this.#model,
      graph: {
        nodes: [...nodes],
        initializers: new Map(all),
        inputs: inputs.map((name) => inputOf(name, this.#store.get(keyOf(0, name)))),
        outputs: [...keeps, ...results].map((name) => ({ name, dataType: undefined, shape: undefined })),
        valueInfo: new Map(),
      },
    };
    const threads = this.#others ? threadsInside(this.#model) : THREADS;
    await withLoadable(model, async ({ encoded, dataFolder, check }) => {
      const settings = { mode: 'exact', threads, dataFolder, label: 'a part of the model' } as const;
      const step = { model: encoded, settings, ...values };
      if (this.#own.length === this.samples.length) {
        await this.#lane.run(step, this.#own, each, check);
        return;
      }
      const found = this.#others?.run(step) ?? Promise.resolve([]);
      const own: ChunkResults[] = [];
      const keep = (made: Results, chunk: number) => {
        own.push({ chunk, values: new Map(results.map((name) => [name, made.get(name) as NdArray])) });
      };
      // The others are waited for, whatever fails here.
      const [here, there] = await Promise.allSettled([this.#lane.run(step, this.#own, keep, check), found]);
      if (here.status === 'rejected') throw here.reason;
      if (there.status === 'rejected') throw there.reason;
      const inOrder = [...own, ...there.value].sort((a, b) => a.chunk - b.chunk);
      for (const { chunk, values } of inOrder) each(values, chunk);
    });
  }

  /** The nodes that must run before some values are there, in order. */
  #missing(values: readonly string[]): Node[] {
    const wanted = new Set<Node>();
    const waiting = [...values];
    for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
      const producer = this.#producers.get(value);
      if (!producer || this.#done.has(producer) || wanted.has(producer) || this.#kept.has(value)) continue;
      wanted.add(producer);
      waiting.push(...readsOf(producer));
    }
    return this.#graph.nodes.filter((each) => wanted.has(each));
  }

  /** Values that steps to come read of what there is by then. */
  #readLater(): Set<string> {
    const later = new Set<string>();
    const waiting = this.#coming.flat();
    for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
      if (later.has(value)) continue;
      later.add(value);
      const producer = this.#producers.get(value);
      if (producer && !this.#done.has(producer)) waiting.push(...readsOf(producer));
    }
    return later;
  }
}

/** An input of any size, of the type and the rank of what is fed first. */
function inputInfo(name: string, { type, dims }: NdArray): ValueInfo {
  return { name, dataType: type, shape: dims.map(() => undefined) };
}

/**
 * Whether inputs are to say no rank: of an Attention whose value is [batch, length, any size] the runtime infers a result of size 0 (onnx
 * 1.22, `AttentionShapeInference`), and refuses the MatMul behind it.
 */
const takesAnyRank = (nodes: readonly Node[]): boolean =>
  nodes.some((each) => isOp(each, 'Attention') || subgraphsOf(each).some((body) => takesAnyRank(body.nodes)));

const inputOfAnyRank = (name: string, { type }: NdArray): ValueInfo => ({
  name,
  dataType: type,
  shape: undefined,
});
