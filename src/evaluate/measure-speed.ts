import type { Feed } from '../numerics/nd-array.js';
import type { MachineOptions } from '../options.js';
import { type Session, withSession } from '../runtime/session.js';

/** How long one run takes, both models measured in turn. */
export interface Speed {
  /** Median wall time of one run, in milliseconds. */
  readonly floatMs: number;
  readonly quantizedMs: number;
  /** Median over the pairs of runs of float time / quantized time: above 1 the quantized model is faster. */
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
const BUDGET_MS = 500;

/**
 * Time both models on one feed in default sessions, run by run in turn, so that a change of the machine's speed meets
 * both alike.
 *
 * @param float - the bytes of a .onnx file, or its path
 * @param quantized - the same
 * @param inTurn - whether only one of the two may be loaded at a time: then one is timed after the other
 * @param quantizedFeed - the same feed, where the quantized model takes other types
 */
export async function measureSpeed(
  float: Uint8Array | string,
  quantized: Uint8Array | string,
  feed: Feed,
  { threads = DEFAULT_THREADS, provider }: MachineOptions = {},
  inTurn = false,
  quantizedFeed = feed,
): Promise<Speed> {
  const settings = { mode: 'default', threads, provider } as const;
  if (inTurn) {
    const alone = (model: Uint8Array | string, label: string, own: Feed) =>
      withSession(model, { ...settings, label }, (session) => timeAlone(session, own));
    const floatTimes = await alone(float, 'the float model', feed);
    const quantizedTimes = await alone(quantized, 'the quantized model', quantizedFeed);
    const [floatMs, quantizedMs] = [median(floatTimes), median(quantizedTimes)];
    const runs = Math.min(floatTimes.length, quantizedTimes.length);
    return { floatMs, quantizedMs, ratio: floatMs / quantizedMs, runs, threads };
  }
  return withSession(float, { ...settings, label: 'the float model' }, (a) =>
    withSession(quantized, { ...settings, label: 'the quantized model' }, async (b) => ({
      ...(await timeInTurn(a.prepare(feed), b.prepare(quantizedFeed))),
      threads,
    })),
  );
}

async function timeInTurn(
  runFloat: () => Promise<void>,
  runQuantized: () => Promise<void>,
): Promise<Omit<Speed, 'threads'>> {
  for (let i = 0; i < WARM_UP_RUNS; i++) {
    await runFloat();
    await runQuantized();
  }
  const floatTimes: number[] = [];
  const quantizedTimes: number[] = [];
  const started = performance.now();
  while (
    floatTimes.length < MIN_RUNS ||
    (floatTimes.length < MAX_RUNS && performance.now() - started < BUDGET_MS)
  ) {
    floatTimes.push(await timeOf(runFloat));
    quantizedTimes.push(await timeOf(runQuantized));
  }
  // Neighbours of the process slow both runs of a pair alike, so pairs vary less than medians do.
  const ratios = floatTimes.map((time, i) => time / (quantizedTimes[i] as number));
  return {
    floatMs: median(floatTimes),
    quantizedMs: median(quantizedTimes),
    ratio: median(ratios),
    runs: floatTimes.length,
  };
}

async function timeAlone(session: Session, feed: Feed): Promise<number[]> {
  const run = session.prepare(feed);
  for (let i = 0; i < WARM_UP_RUNS; i++) await run();
  const times: number[] = [];
  const started = performance.now();
  while (
    times.length < MIN_RUNS ||
    (times.length < MAX_RUNS && performance.now() - started < BUDGET_MS / 2)
  ) {
    times.push(await timeOf(run));
  }
  return times;
}

async function timeOf(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
