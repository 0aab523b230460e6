import { setImmediate } from 'node:timers/promises';
import { addRanges, type Collecting, countBatch, type Runner } from '../../calibration/collect.js';
import type { Batch, SampleSource } from '../../calibration/source.js';
import type { TensorCounts, TensorStatistics } from '../../calibration/statistics.js';
import type { Loadable } from '../load/with-model.js';
import type { NdArray } from '../numerics/nd-array.js';
import { AskedThread } from '../runtime/asked-thread.js';
import { ownArray, ownFeed, ownModel } from '../runtime/own-copies.js';
import type { SessionSettings } from '../runtime/session.js';
import type { CountAnswer, CountTask } from './count-thread.js';

// Tests run from the sources, and a thread from what was built.
const entry = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/src/calibrate/count-thread.js' : './count-thread.js',
  import.meta.url,
);

/** A pass over samples that others have begun. */
export interface BegunPass {
  readonly source: SampleSource;
  /** Of each value to observe, what was counted so far; added to. */
  readonly statistics: ReadonlyMap<string, TensorStatistics>;
  /** Samples that were counted so far. */
  readonly done: number;
}

/** What is run beside the session at hand. */
export interface CountedModel extends Pick<Loadable, 'encoded' | 'dataFolder' | 'check'> {
  readonly settings: SessionSettings;
  /** The same session as that of each thread; gives the values to observe, and the outputs. */
  readonly run: Runner;
  /** Outputs that are told of each batch. */
  readonly outputs: readonly string[];
}

/** Batches that a thread has at a time: one to run, and one that waits while this thread is at a run of its own. */
const DEPTH = 2;

/**
 * The rest of a pass, shared out to this thread and others, each with a session and counts of its own. Counts are sums of
 * integers and ranges are put in order, so that the statistics are those of one thread to the bit.
 *
 * @param others - threads beside this one
 * @throws ThreadFailure where a thread fails, with statistics of a part of the samples; what reading samples throws, and
 * `run`
 */
export async function countInThreads(
  { source, statistics, done }: BegunPass,
  model: CountedModel,
  others: number,
  { progress = () => {}, told }: Pick<Collecting, 'progress' | 'told'> = {},
): Promise<void> {
  const { run, outputs } = model;
  const inOrder = new InOrder<Counted>((batch) => {
    addRanges(statistics, batch.ranges);
    told?.(batch.outputs, batch.samples);
  });
  let finished = done;
  const finish = (place: number, counted: Counted) => {
    inOrder.put(place, counted);
    finished += counted.samples;
    progress(finished, source.length);
  };
  const here = async (batch: Batch): Promise<Counted> => {
    const values = await run(batch.feed);
    const ranges = countBatch(statistics, values, batch);
    // They wait for those of batches before, and what a run gives holds until the next.
    const own = new Map(outputs.map((name) => [name, ownArray(values.get(name) as NdArray).own]));
    return { ranges, outputs: own, samples: batch.samples };
  };
  const threads: CountThread[] = [];
  try {
    for (let n = 0; n < others; n++)
      threads.push(await CountThread.open(model, [...statistics.keys()], outputs));
    model.check();
    const running = new Set<Promise<void>>();
    let passed = 0;
    for await (const batch of source.open()) {
      passed += batch.samples;
      if (passed <= done) continue;
      const place = inOrder.next();
      const free = threads.reduce((least, each) => (each.depth < least.depth ? each : least));
      if (free.depth < DEPTH) {
        const work = free.run(batch).then((counted) => {
          finish(place, counted);
          running.delete(work);
        });
        // It is awaited, unless reading samples fails before.
        work.catch(() => {});
        running.add(work);
      } else {
        finish(place, await here(batch));
        // What the others have sent meanwhile.
        await setImmediate();
      }
    }
    await Promise.all(running);
    for (const thread of threads)
      for (const [value, counts] of await thread.end()) statistics.get(value)?.addCounts(counts);
  } finally {
    await Promise.all(threads.map((thread) => thread.close()));
  }
}

/** What a thread tells of a batch. */
interface Counted extends Omit<Extract<CountAnswer, { kind: 'counted' }>, 'kind'> {
  readonly samples: number;
}

/** A thread with a session. */
class CountThread {
  readonly #thread = new AskedThread<CountTask, CountAnswer>(entry);
  readonly #outputs: readonly string[];

  private constructor(outputs: readonly string[]) {
    this.#outputs = outputs;
  }

  /** @throws ThreadFailure */
  static async open(
    { encoded, dataFolder, settings }: CountedModel,
    values: readonly string[],
    outputs: readonly string[],
  ): Promise<CountThread> {
    const thread = new CountThread(outputs);
    const model = ownModel(encoded);
    const own = { ...settings, dataFolder };
    try {
      await thread.#thread.ask({ kind: 'open', model: model.own, settings: own, values }, model.buffers);
      return thread;
    } catch (thrown) {
      await thread.close();
      throw thrown;
    }
  }

  /** Batches that it has not answered. */
  get depth(): number {
    return this.#thread.depth;
  }

  async run({ feed, size, samples }: Batch): Promise<Counted> {
    const { own, buffers } = ownFeed(feed);
    const task: CountTask = { kind: 'run', feed: own, rows: { size, samples }, outputs: this.#outputs };
    const answer = (await this.#thread.ask(task, buffers)) as Extract<CountAnswer, { kind: 'counted' }>;
    return { ...answer, samples };
  }

  async end(): Promise<ReadonlyMap<string, TensorCounts>> {
    return ((await this.#thread.ask({ kind: 'end' })) as Extract<CountAnswer, { kind: 'ended' }>).counts;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

/** Hands out what comes in any order in the order of its places. */
class InOrder<T> {
  readonly #give: (each: T) => void;
  readonly #waiting = new Map<number, T>();
  #places = 0;
  #given = 0;

  constructor(give: (each: T) => void) {
    this.#give = give;
  }

  next(): number {
    return this.#places++;
  }

  put(place: number, each: T): void {
    this.#waiting.set(place, each);
    for (let next = this.#waiting.get(this.#given); next; next = this.#waiting.get(this.#given)) {
      this.#waiting.delete(this.#given++);
      this.#give(next);
    }
  }
}
