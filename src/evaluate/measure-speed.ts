import { initializersOf } from '../graph/all-tensors.js';
import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import type { Feed } from '../numerics/nd-array.js';
import type { MachineOptions } from '../options.js';
import { type Session, type SessionSettings, withSession } from '../runtime/session.js';

/** How long one run takes, both models measured in turn. */
export interface Speed {
  /** Median wall time of one run, in milliseconds: of the float model with what folding does to it, where that is known. */
  readonly floatMs: number;
  /** Of the float model as it was given; not known where it was not folded, or one model is loaded at a time. */
  readonly originalMs?: number;
  readonly quantizedMs: number;
  /** Float time / quantized time: above 1 the quantized model is faster. */
  readonly ratio: number;
  readonly runs: number;
  readonly threads: number;
}

/** One thread unless told otherwise: that is the kernels alone, whatever else the machine's cores are busy with. */
const DEFAULT_THREADS = 1;

const WARM_UP_RUNS = 5;
const MIN_RUNS = 15;
const MAX_RUNS = 2000;
/** Enough for a stable median on small models, and bounded on large ones. */
const BUDGET_MS = 250;
/** Where a round of runs takes more than this share of the budget: such a run differs little from the next. */
const LONG_SHARE = 0.4;
const LONG_WARM_UP_RUNS = 1;
const LONG_MIN_RUNS = 7;
/** Of the float model as it was given, which is told beside the others and judges nothing. */
const BESIDE_MIN_RUNS = 3;
/** A choice hangs on it. */
const GAIN_BUDGET_MS = 1000;

/** The models that are timed: the bytes of .onnx files, or their paths; the float one may be in memory. */
export interface TimedModels {
  readonly float: Uint8Array | string | Model;
  readonly quantized: Uint8Array | string;
  /** The float model as it was given, where `float` is what folding made of it. */
  readonly original?: Uint8Array | string | undefined;
}

/**
 * The float model to judge by, and the file that it is from: folding makes a model faster by itself, and what is left is
 * what quantization does. A model whose tensors are left in files is judged as it was given.
 */
export function foldedAndOriginal(
  folded: Model,
  file: Uint8Array | string,
): Pick<TimedModels, 'float' | 'original'> {
  const isHeld = [...initializersOf(folded.graph)].every(({ storage }) => storage.kind !== 'range');
  return isHeld ? { float: folded, original: file } : { float: file };
}

/**
 * Time the models on one feed in default sessions, run by run in turn, so that a change of the machine's speed meets
 * all alike.
 *
 * @param inTurn - whether only one of them may be loaded at a time: then one is timed after the other
 * @param quantizedFeed - the same feed, where the quantized model takes other types
 */
export async function measureSpeed(
  { float, quantized, original }: TimedModels,
  feed: Feed,
  { threads = DEFAULT_THREADS, provider }: MachineOptions = {},
  inTurn = false,
  quantizedFeed = feed,
): Promise<Speed> {
  const settings = { mode: 'default', threads, provider } as const;
  const label = (name: string) => ({ ...settings, label: `the ${name} model` });
  if (inTurn) {
    const alone = (model: TimedModels['float'], name: string, own: Feed) =>
      withTimed(model, label(name), (session) => timeAlone(session, own));
    const floatTimes = await alone(float, 'float', feed);
    const quantizedTimes = await alone(quantized, 'quantized', quantizedFeed);
    return { ...speedOf(floatTimes, quantizedTimes), threads };
  }
  return withSession(quantized, label('quantized'), async (session) => {
    const run = session.prepare(quantizedFeed);
    /** The times of a float model, whose session is in memory beside that of the quantized one alone, and of that. */
    const beside = (model: TimedModels['float'], longMinRuns: number) =>
      withTimed(model, label('float'), async (other) =>
        timeInTurn([other.prepare(feed), run], { longMinRuns }),
      );
    const [floatTimes = [], quantizedTimes = []] = await beside(float, LONG_MIN_RUNS);
    const speed = { ...speedOf(floatTimes, quantizedTimes), threads };
    if (original === undefined) return speed;
    const [times = [], again = []] = await beside(original, BESIDE_MIN_RUNS);
    return { ...speed, originalMs: asBefore(median(times), median(again), speed.quantizedMs) };
  });
}

/** Work with a session of a model that may be in memory. */
const withTimed = <T>(
  model: TimedModels['float'],
  settings: SessionSettings,
  work: (session: Session) => Promise<T>,
): Promise<T> =>
  typeof model === 'object' && 'graph' in model
    ? withModel(model, settings, work)
    : withSession(model, settings, work);

/**
 * A time as if it had been taken with others before: what changed of the machine since then changed what is timed again, too.
 *
 * @param again - of what is timed again, now; `before` what it took then
 */
export const asBefore = (now: number, again: number, before: number): number => (now * before) / again;

/** How much faster one of two models is. */
export interface Gain {
  /** Median of the time of the first over that of the second, run by run. */
  readonly ratio: number;
  /** What the ratio is at least, with 97 % certainty. */
  readonly atLeast: number;
}

/** How much faster the second model is than the first, run by run in turn. */
export async function measureGain(
  first: Uint8Array,
  second: Uint8Array,
  feed: Feed,
  { threads = DEFAULT_THREADS, provider }: MachineOptions = {},
): Promise<Gain> {
  const settings = { mode: 'default', threads, provider, label: 'the quantized model' } as const;
  return withSession(first, settings, (a) =>
    withSession(second, settings, async (b) => {
      const [before = [], after = []] = await timeInTurn([a.prepare(feed), b.prepare(feed)], {
        budgetMs: GAIN_BUDGET_MS,
      });
      const ratios = before.map((time, run) => time / (after[run] as number)).sort((x, y) => x - y);
      // A sign test: of n runs, n/2 − √n lie below the median in 97 of 100 cases.
      const low = Math.max(0, Math.floor(ratios.length / 2 - Math.sqrt(ratios.length)));
      return { ratio: median(ratios), atLeast: ratios[low] ?? 0 };
    }),
  );
}

/** Medians, and their ratio. */
function speedOf(floatTimes: readonly number[], quantizedTimes: readonly number[]) {
  const [floatMs, quantizedMs] = [median(floatTimes), median(quantizedTimes)];
  const runs = Math.min(floatTimes.length, quantizedTimes.length);
  return { floatMs, quantizedMs, ratio: floatMs / quantizedMs, runs };
}

/** How long runs are timed. */
interface Timing {
  readonly budgetMs?: number;
  /** Of runs that are long, at least so many. */
  readonly longMinRuns?: number;
}

/** The times of each run. */
async function timeInTurn(
  runs: readonly (() => Promise<void>)[],
  { budgetMs = BUDGET_MS, longMinRuns = LONG_MIN_RUNS }: Timing = {},
): Promise<number[][]> {
  const least = (await warmUp(runs, budgetMs)) ? longMinRuns : MIN_RUNS;
  const times = runs.map((): number[] => []);
  const started = performance.now();
  for (let i = 0; i < least || (i < MAX_RUNS && performance.now() - started < budgetMs); i++)
    for (const [model, run] of runs.entries()) times[model]?.push(await timeOf(run));
  return times;
}

/** Run until times are steady; gives whether a round of runs is long. */
async function warmUp(runs: readonly (() => Promise<void>)[], budgetMs: number): Promise<boolean> {
  const started = performance.now();
  for (let i = 0; i < WARM_UP_RUNS; i++) {
    if (i >= LONG_WARM_UP_RUNS && performance.now() - started > i * LONG_SHARE * budgetMs) return true;
    for (const run of runs) await run();
  }
  return false;
}

async function timeAlone(session: Session, feed: Feed): Promise<number[]> {
  const run = session.prepare(feed);
  const least = (await warmUp([run], BUDGET_MS / 2)) ? LONG_MIN_RUNS : MIN_RUNS;
  const times: number[] = [];
  const started = performance.now();
  while (times.length < least || (times.length < MAX_RUNS && performance.now() - started < BUDGET_MS / 2)) {
    times.push(await timeOf(run));
  }
  return times;
}

async function timeOf(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

export function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
