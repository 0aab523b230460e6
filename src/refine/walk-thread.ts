import { parentPort } from 'node:worker_threads';
import type { NdArray } from '../numerics/nd-array.js';
import { ActivationStore } from './activation-store.js';
import { type ChunkResults, keyOf, type LaneStep, WalkLane } from './walk-lane.js';

/** What a thread is asked for: first to be there, then to take values of its chunks, and to run steps. */
export type WalkTask =
  | {
      readonly kind: 'open';
      readonly chunks: readonly number[];
      /** What its values may take in memory, and where the others go. */
      readonly budgetBytes: number;
      readonly folder: string;
    }
  | { readonly kind: 'take'; readonly chunk: number; readonly value: string; readonly array: NdArray }
  | { readonly kind: 'run'; readonly step: LaneStep }
  | { readonly kind: 'forget'; readonly values: readonly string[] };

/** What it answers: results by chunk, in its order. */
export interface WalkAnswer {
  readonly results: readonly ChunkResults[];
}

/** A thread that walks with some of the chunks. What fails is left to who asked. */
if (!parentPort) throw new Error('no thread');
const port = parentPort;

let store: ActivationStore | undefined;
let chunks: readonly number[] = [];

async function answer(task: WalkTask): Promise<WalkAnswer> {
  const results: ChunkResults[] = [];
  if (task.kind === 'open') {
    store = new ActivationStore(task.budgetBytes, task.folder);
    chunks = task.chunks;
  } else if (!store) {
    throw new Error('no store');
  } else if (task.kind === 'take') {
    store.put(keyOf(task.chunk, task.value), task.array);
  } else if (task.kind === 'forget') {
    new WalkLane(store).forget(task.values, chunks);
  } else {
    const { step } = task;
    await new WalkLane(store).run(step, chunks, (made, chunk) => {
      results.push({
        chunk,
        values: new Map(step.results.map((name) => [name, made.get(name) as NdArray])),
      });
    });
  }
  return { results };
}

port.on('message', async (task: WalkTask) => port.postMessage(await answer(task)));
