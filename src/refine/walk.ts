import { THREADS } from '../calibrate/calibrate.js';
import type { Model, Node, ValueInfo } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import { readsOf } from '../graph/uses.js';
import { withModel } from '../load/with-model.js';
import type { Feed, NdArray } from '../numerics/nd-array.js';
import type { Session } from '../runtime/session.js';
import type { ActivationStore } from './activation-store.js';
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

/**
 * Run a graph over samples in steps, so that constants can change between them: each node runs once for each chunk of
 * samples, in the first step that needs it, with the constants as they are then. What later steps read is kept.
 */
export class Walk {
  readonly #model: Model;
  readonly #graph: WalkedGraph;
  readonly #store: ActivationStore;
  readonly #chunks: number;
  /** Samples of each chunk. */
  readonly samples: readonly number[];
  readonly #producers = new Map<string, Node>();
  readonly #done = new Set<Node>();
  /** Values that are kept for each chunk. */
  readonly #kept: Set<string>;
  /** For each step still to come, the values that it needs. */
  readonly #coming: (readonly string[])[];

  /**
   * @param store - holds the feeds, and gets what steps leave for others
   * @param coming - of every step, in order, what it needs
   */
  constructor(
    model: Model,
    graph: WalkedGraph,
    feeds: { store: ActivationStore; names: readonly string[]; samples: readonly number[] },
    coming: readonly (readonly string[])[],
  ) {
    this.#model = model;
    this.#graph = graph;
    this.#store = feeds.store;
    this.samples = feeds.samples;
    this.#chunks = feeds.samples.length;
    this.#kept = new Set(feeds.names);
    this.#coming = [...coming];
    for (const each of graph.nodes)
      for (const output of each.outputs) if (output) this.#producers.set(output, each);
  }

  static key(chunk: number, value: string): string {
    return `${chunk}/${value}`;
  }

  /** Run the next step. */
  async next(
    step: Step,
    each: (results: ReadonlyMap<string, NdArray>, chunk: number) => void,
  ): Promise<void> {
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
    const outputs = [...keeps, ...step.results];
    const gone = [...this.#kept].filter((value) => !later.has(value));
    const forget = (chunk: number) => {
      for (const value of gone) this.#store.delete(Walk.key(chunk, value));
    };
    if (outputs.length > 0)
      await this.#run({ nodes: all, inputs, outputs, constants: step.own.constants }, (results, chunk) => {
        // Chunk by chunk, so that what is read last and what comes of it are not held of all samples at once.
        forget(chunk);
        for (const value of keeps) this.#store.put(Walk.key(chunk, value), results.get(value) as NdArray);
        each(results, chunk);
      });
    else for (let chunk = 0; chunk < this.#chunks; chunk++) forget(chunk);
    for (const value of gone) this.#kept.delete(value);
    for (const value of keeps) this.#kept.add(value);
  }

  async #run(
    {
      nodes,
      inputs,
      outputs,
      constants,
    }: {
      nodes: readonly Node[];
      inputs: readonly string[];
      outputs: readonly string[];
      constants: ReadonlyMap<string, Tensor>;
    },
    each: (results: ReadonlyMap<string, NdArray>, chunk: number) => void,
  ): Promise<void> {
    const read = new Set(nodes.flatMap(readsOf));
    const all = [...this.#graph.constants, ...constants].filter(([name]) => read.has(name));
    const feedOf = (chunk: number): Feed =>
      Object.fromEntries(inputs.map((value) => [value, this.#store.get(Walk.key(chunk, value))]));
    const first = feedOf(0);
    const model: Model = {
      ...this.#model,
      graph: {
        nodes: [...nodes],
        initializers: new Map(all),
        inputs: inputs.map((name) => inputInfo(name, first[name] as NdArray)),
        outputs: outputs.map((name) => ({ name, dataType: undefined, shape: undefined })),
        valueInfo: new Map(),
      },
    };
    const settings = { mode: 'exact', threads: THREADS, label: 'a part of the model' } as const;
    await withModel(model, settings, async (session: Session) => {
      for (let chunk = 0; chunk < this.#chunks; chunk++) {
        each(await session.run(chunk === 0 ? first : feedOf(chunk), outputs), chunk);
      }
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
