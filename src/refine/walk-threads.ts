import { tmpdir } from 'node:os';
import { removeTemporary, temporaryPath, track } from '../load/temporary.js';
import { AskedThread, PATIENCE_MS } from '../runtime/asked-thread.js';
import { ownArray, ownModel } from '../runtime/own-copies.js';
import type { ActivationStore } from './activation-store.js';
import { type ChunkResults, keyOf, type LaneStep } from './walk-lane.js';
import type { WalkAnswer, WalkTask } from './walk-thread.js';

// Tests run from the sources, and a thread from what was built.
const entry = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/src/refine/walk-thread.js' : './walk-thread.js',
  import.meta.url,
);

/** How the chunks of a walk may be shared out. */
export interface Sharing {
  /** Threads at most; as many as there are cores and memory for without it. */
  readonly threads?: number | undefined;
  /** What the steps that are left must take, in milliseconds, for threads to be started; a second without it. */
  readonly patienceMs?: number | undefined;
}

/** How many threads there may be, and what they have. */
interface Limits extends Sharing {
  /** This one among them. */
  readonly threads: number;
  /** What the values of a thread may take in memory. */
  readonly budgetBytes: number;
}

/** One of the threads. */
interface Walker {
  readonly thread: AskedThread<WalkTask, WalkAnswer>;
  readonly chunks: readonly number[];
  readonly folder: string;
}

/** Threads that walk with a part of the chunks each, once it shows that the steps that are left take long. */
export class WalkThreads {
  readonly #chunks: number;
  readonly #limits: Limits;
  readonly #walkers: Walker[] = [];
  readonly #start = performance.now();
  #isDecided = false;
  #whole: number | undefined;

  /** @param chunks - all there are */
  constructor(chunks: number, limits: Limits) {
    this.#chunks = chunks;
    this.#limits = limits;
  }

  /**
   * To be asked before each step.
   *
   * @param left - values that the steps which are left need, each counted as much work as any other
   * @param kept - values that are kept of each chunk; those of the chunks that are taken leave the store
   * @returns chunks that others have from now on, where they take some; undefined where nothing changes
   * @throws ThreadFailure
   */
  async taken(
    left: number,
    kept: ReadonlySet<string>,
    store: ActivationStore,
  ): Promise<ReadonlySet<number> | undefined> {
    this.#whole ??= left;
    const done = this.#whole - left;
    const { threads, budgetBytes, patienceMs = PATIENCE_MS } = this.#limits;
    const each = (performance.now() - this.#start) / Math.max(1, done);
    const lanes = Math.min(threads, this.#chunks);
    if (this.#isDecided || done === 0 || lanes < 2 || each * left <= patienceMs) return undefined;
    this.#isDecided = true;
    const taken = new Set<number>();
    for (let lane = 1; lane < lanes; lane++) {
      const chunks = Array.from({ length: this.#chunks }, (_, chunk) => chunk).filter(
        (chunk) => chunk % lanes === lane,
      );
      const folder = temporaryPath(tmpdir());
      track(folder);
      const thread = new AskedThread<WalkTask, WalkAnswer>(entry);
      this.#walkers.push({ thread, chunks, folder });
      await thread.ask({ kind: 'open', chunks, budgetBytes, folder });
      for (const chunk of chunks) {
        taken.add(chunk);
        for (const value of kept) {
          const { own, buffers } = ownArray(store.get(keyOf(chunk, value)));
          store.delete(keyOf(chunk, value));
          await thread.ask({ kind: 'take', chunk, value, array: own }, buffers);
        }
      }
    }
    return taken;
  }

  /** @throws ThreadFailure */
  async run(step: LaneStep): Promise<ChunkResults[]> {
    const answers = this.#walkers.map(({ thread }) => {
      const { own, buffers } = ownModel(step.model);
      return thread.ask({ kind: 'run', step: { ...step, model: own } }, buffers);
    });
    return (await Promise.all(answers)).flatMap(({ results }) => results);
  }

  /** @throws ThreadFailure */
  async forget(values: readonly string[]): Promise<void> {
    await Promise.all(this.#walkers.map(({ thread }) => thread.ask({ kind: 'forget', values })));
  }

  async close(): Promise<void> {
    await Promise.all(this.#walkers.map(({ thread }) => thread.close()));
    for (const { folder } of this.#walkers) removeTemporary(folder);
  }
}
