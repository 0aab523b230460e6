import { collectStatistics, type Progress, type Runner } from '../../calibration/collect.js';
import { type SampleSource, wholePart } from '../../calibration/source.js';
import { BINS, type Statistics, type TensorStatistics } from '../../calibration/statistics.js';
import { exposing, withSequenceFirst } from '../graph/expose.js';
import type { Model } from '../graph/model.js';
import { withLoadable, withModel } from '../load/with-model.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { MemoryEstimate } from '../options.js';
import { hashModel } from '../proto/hash.js';
import { orAlone, PATIENCE_MS } from '../runtime/asked-thread.js';
import { memoryBytes } from '../runtime/machine.js';
import { ReusedResults } from '../runtime/reused-results.js';
import type { Provider, Session, SessionSettings } from '../runtime/session.js';
import { countInThreads } from './count-threads.js';
import type { KeptOutputs, Outputs } from './kept-outputs.js';
import { type MemoryLimit, type PassPlan, planPasses, threadsWithin } from './passes.js';
import { firstFeed } from './samples.js';
import { constantBytes, sessionThreads, threadsInside } from './session-threads.js';
import { valueSizes } from './value-sizes.js';

/** How calibration runs. */
export interface CalibrationSettings {
  /** The CPU without it. */
  readonly provider?: Provider | undefined;
  readonly progress?: Progress | undefined;
  /** What the process may take at its peak, in bytes; half of the machine's memory without it, as far as that goes. */
  readonly maxMemoryBytes?: number | undefined;
  /** Told before the first run. */
  readonly onEstimate?: ((estimate: MemoryEstimate) => void) | undefined;
  /** Gets the model's outputs, where one pass observes all values. */
  readonly outputs?: KeptOutputs | undefined;
  /** Threads that run the model at most; without it as many as the machine has cores and memory for. No bit hangs on it. */
  readonly threads?: number | undefined;
  /** What the samples left must take, in milliseconds, for threads to be started. */
  readonly patienceMs?: number | undefined;
}

/**
 * Run the folded model over the samples and keep the statistics of the values named.
 *
 * Undefined where there is nothing to observe. At level `basic` their bits do not depend on which of them are exposed,
 * so that they can be observed in several passes, as many as the memory asks for.
 *
 * @throws QuantizeError `memory-limit` where `maxMemoryBytes` is too little even for one value at a time
 */
export async function calibrate(
  model: Model,
  values: readonly string[],
  source: SampleSource | undefined,
  settings: CalibrationSettings = {},
): Promise<Statistics | undefined> {
  if (!source || values.length === 0) return undefined;
  const { provider = 'cpu' } = settings;
  const observed = await orAlone((isAlone) => {
    if (isAlone) settings.outputs?.forget();
    return observe(model, values, source, isAlone ? { ...settings, threads: 1 } : settings);
  });
  const tensors = new Map(values.map((value) => [value, observed.get(value) as TensorStatistics]));
  return {
    // Only a statistics file asks for it.
    get modelHash() {
      return hashModel(model);
    },
    data: source.label,
    preprocess: source.preprocess,
    provider,
    samples: source.length,
    part: source.part ?? wholePart(source.length),
    tensors,
  };
}

async function observe(
  model: Model,
  values: readonly string[],
  source: SampleSource,
  settings: CalibrationSettings,
): Promise<Map<string, TensorStatistics>> {
  const { provider = 'cpu', progress, outputs } = settings;
  const inner = innerValues(model, values);
  const exposed = withSequenceFirst(exposing(model, inner));
  const session = sessionSettings(model, provider);
  const planned = await withModel(exposed, session, async (opened) => {
    const feed = await firstFeed(source);
    const sizes = await valueSizes(model, opened, { feed, values: inner, settings: session });
    const limit = memoryLimit(settings.maxMemoryBytes);
    const plan = planPasses(sizes, limit);
    settings.onEstimate?.({ passes: Math.max(1, plan.passes.length), estimateBytes: plan.estimateBytes });
    // The session that all values are exposed of is at hand: one pass needs no other.
    if (plan.passes.length > 1) return plan;
    const names = outputs ? opened.outputNames.filter((name) => isOutput(model, name)) : [];
    const told = (made: Outputs, samples: number) =>
      outputs?.keep(new Map(names.map((name) => [name, made.get(name) as NdArray])), samples);
    const threads = provider === 'cpu' ? threadsFor(model, sizes, limit, plan, settings.threads) : 1;
    const pace = new Pace(source.length, settings.patienceMs);
    const run = runnerOf(opened, [...new Set([...inner, ...names])]);
    const ends = (done: number) => pace.isSlow(done) && threads > 1;
    const statistics = await collectStatistics(source, values, run, { progress, told, ends });
    if (pace.done === source.length) return statistics;
    await withLoadable(exposed, (loadable) => {
      const counted = { ...loadable, settings: session, run, outputs: names };
      const begun = { source, statistics, done: pace.done };
      return countInThreads(begun, counted, threads - 1, { progress, told });
    });
    return statistics;
  });
  if (!isPlan(planned)) return planned;
  const fed = values.filter((value) => !inner.includes(value));
  // What is fed is there in every pass, and counted in the first.
  const passes = planned.passes.map((pass, index) => (index === 0 ? [...fed, ...pass] : pass));
  return observeInPasses(model, passes, source, { provider, progress });
}

const isOutput = ({ graph }: Model, name: string): boolean =>
  graph.outputs.some((each) => each.name === name);

/** How many threads with a session each the machine has cores and memory for. */
function threadsFor(
  model: Model,
  sizes: ReadonlyMap<string, number>,
  limit: MemoryLimit,
  plan: PassPlan,
  most = sessionThreads(model),
): number {
  const statisticsBytes = sizes.size * BINS * Float64Array.BYTES_PER_ELEMENT;
  return Math.min(most, threadsWithin(sizes, limit, plan, constantBytes(model) + statisticsBytes));
}

/** How long the rest of the samples takes, judged by those that are done. */
class Pace {
  readonly #total: number;
  readonly #patienceMs: number;
  #last = performance.now();
  #least = Number.POSITIVE_INFINITY;
  /** Samples that are done. */
  done = 0;

  constructor(total: number, patienceMs = PATIENCE_MS) {
    this.#total = total;
    this.#patienceMs = patienceMs;
  }

  /** To be asked after each batch: whether what is left takes longer than threads take to start. */
  isSlow(done: number): boolean {
    const now = performance.now();
    this.#least = Math.min(this.#least, (now - this.#last) / (done - this.done));
    const isFirst = this.done === 0;
    this.#last = now;
    this.done = done;
    // The first run makes what all of them use.
    return !isFirst && this.#least * (this.#total - done) > this.#patienceMs;
  }
}

/** Observe the values of each pass in a run of its own over the samples. */
export async function observeInPasses(
  model: Model,
  passes: readonly (readonly string[])[],
  source: SampleSource,
  { provider = 'cpu', progress = () => {} }: Pick<CalibrationSettings, 'provider' | 'progress'> = {},
): Promise<Map<string, TensorStatistics>> {
  const tensors = new Map<string, TensorStatistics>();
  const total = passes.length * source.length;
  for (const [index, pass] of passes.entries()) {
    const inner = innerValues(model, pass);
    const tell: Progress = (done) => progress(index * source.length + done, total);
    const exposed = withSequenceFirst(exposing(model, inner));
    const found = await withModel(exposed, sessionSettings(model, provider), (session) =>
      collectStatistics(source, pass, runnerOf(session, inner), { progress: tell }),
    );
    for (const [value, statistics] of found) tensors.set(value, statistics);
  }
  return tensors;
}

/** The values that nodes make: inputs are at hand without a run. */
function innerValues(model: Model, values: readonly string[]): string[] {
  const inputs = new Set(model.graph.inputs.map((input) => input.name));
  return values.filter((value) => !inputs.has(value));
}

const sessionSettings = (model: Model, provider: Provider): SessionSettings => ({
  mode: 'basic',
  threads: threadsInside(model),
  provider,
  label: 'the float model',
});

const isPlan = (planned: PassPlan | ReadonlyMap<string, TensorStatistics>): planned is PassPlan =>
  'passes' in planned;

function memoryLimit(maxMemoryBytes: number | undefined): MemoryLimit {
  return {
    residentBytes: process.memoryUsage.rss(),
    limitBytes: maxMemoryBytes ?? memoryBytes() / 2,
    isFirm: maxMemoryBytes !== undefined,
  };
}

/**
 * Values of a feed, which hold until the next one. The runtime refuses to be asked for nothing, as where all that is observed are
 * inputs.
 */
function runnerOf(session: Session, values: readonly string[]): Runner {
  const results = new ReusedResults(session, values);
  return async (feed) =>
    new Map([...Object.entries(feed), ...(values.length === 0 ? [] : await results.run(feed))]);
}
