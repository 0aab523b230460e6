import type { Feed, NdArray } from '../numerics/nd-array.js';
import { type ModelInMemory, type SessionSettings, withSession } from '../runtime/session.js';
import type { ActivationStore } from './activation-store.js';

/** A part of a graph, as each chunk of samples is run through it. */
export interface LaneStep {
  readonly model: Uint8Array | ModelInMemory;
  readonly settings: SessionSettings;
  /** Values that are fed: of what is kept of the chunk. */
  readonly inputs: readonly string[];
  /** What is kept of the results. */
  readonly keeps: readonly string[];
  /** What is handed out. */
  readonly results: readonly string[];
  /** What is kept of the chunk, and read for the last time. */
  readonly gone: readonly string[];
}

/** Results of a chunk, by their names. */
export type Results = ReadonlyMap<string, NdArray>;

/** What a step gives of a chunk. */
export interface ChunkResults {
  readonly chunk: number;
  readonly values: Results;
}

/** Under what name a value of a chunk is kept. */
export const keyOf = (chunk: number, value: string): string => `${chunk}/${value}`;

/** Runs steps over some of the chunks, whose values it has. */
export class WalkLane {
  readonly #store: ActivationStore;

  constructor(store: ActivationStore) {
    this.#store = store;
  }

  /** Run chunk after chunk; `opened` is called once the runtime has opened the files of the model. */
  async run(
    { model, settings, inputs, keeps, results, gone }: LaneStep,
    chunks: readonly number[],
    each: (results: Results, chunk: number) => void | Promise<void>,
    opened: () => void = () => {},
  ): Promise<void> {
    await withSession(model, settings, async (session) => {
      opened();
      for (const chunk of chunks) {
        const feed: Feed = Object.fromEntries(
          inputs.map((value) => [value, this.#store.get(keyOf(chunk, value))]),
        );
        const made = await session.run(feed, [...keeps, ...results]);
        // Chunk by chunk, so that what is read last and what comes of it are not held of all samples at once.
        this.forget(gone, [chunk]);
        for (const value of keeps) this.#store.put(keyOf(chunk, value), made.get(value) as NdArray);
        await each(made, chunk);
      }
    });
  }

  forget(values: readonly string[], chunks: readonly number[]): void {
    for (const chunk of chunks) for (const value of values) this.#store.delete(keyOf(chunk, value));
  }
}
