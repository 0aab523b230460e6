import { parentPort } from 'node:worker_threads';
import { type BatchRanges, countBatch } from '../../calibration/collect.js';
import type { BatchRows } from '../../calibration/source.js';
import { type TensorCounts, TensorStatistics } from '../../calibration/statistics.js';
import type { Feed, NdArray } from '../numerics/nd-array.js';
import { collectGarbage } from '../runtime/collect-garbage.js';
import { ReusedResults } from '../runtime/reused-results.js';
import { type ModelInMemory, Session, type SessionSettings } from '../runtime/session.js';

/** What a thread is asked for, one thing after another: first to open a model, in the end what it counted. */
export type CountTask =
  | {
      readonly kind: 'open';
      readonly model: Uint8Array | ModelInMemory;
      readonly settings: SessionSettings;
      /** The values to observe. */
      readonly values: readonly string[];
    }
  | {
      readonly kind: 'run';
      readonly feed: Feed;
      readonly rows: BatchRows;
      /** Outputs that are handed out. */
      readonly outputs: readonly string[];
    }
  | { readonly kind: 'end' };

/** What it answers. */
export type CountAnswer =
  | { readonly kind: 'opened' }
  | {
      readonly kind: 'counted';
      readonly ranges: BatchRanges;
      readonly outputs: ReadonlyMap<string, NdArray>;
    }
  | { readonly kind: 'ended'; readonly counts: ReadonlyMap<string, TensorCounts> };

/** A thread that runs the float model and counts what its values hold. What fails is left to who asked. */
if (!parentPort) throw new Error('no thread');
const port = parentPort;

let session: Session | undefined;
let results: ReusedResults | undefined;
/** Of these the counts alone: ranges are handed out batch by batch. */
const kept = new Map<string, TensorStatistics>();

async function answer(task: CountTask): Promise<CountAnswer> {
  if (task.kind === 'open') {
    session = await Session.create(task.model, task.settings);
    for (const value of task.values) kept.set(value, new TensorStatistics());
    // The constants, which the session has copied.
    collectGarbage();
    return { kind: 'opened' };
  }
  if (!session) throw new Error('no session');
  if (task.kind === 'end') {
    await session.release();
    const counts = [...kept].map(([name, each]): [string, TensorCounts] => [
      name,
      { counts: each.counts, nonFinite: each.nonFinite },
    ]);
    return { kind: 'ended', counts: new Map(counts) };
  }
  const { feed, rows, outputs } = task;
  results ??= new ReusedResults(
    session,
    session.outputNames.filter((name) => kept.has(name) || outputs.includes(name)),
  );
  const made = await results.run(feed);
  const values = new Map([...Object.entries(feed), ...made]);
  const ranges = countBatch(kept, values, rows);
  return {
    kind: 'counted',
    ranges,
    outputs: new Map(outputs.map((name) => [name, made.get(name) as NdArray])),
  };
}

/** One after the other: what a run gives holds until the next. */
let last: Promise<void> = Promise.resolve();

port.on('message', (task: CountTask) => {
  last = last.then(async () => {
    const answered = await answer(task);
    const counts = answered.kind === 'ended' ? [...answered.counts.values()] : [];
    port.postMessage(
      answered,
      counts.map((each) => each.counts.buffer as ArrayBuffer),
    );
  });
});
