import { collectStatistics, type Progress } from '../../calibration/collect.js';
import { type SampleSource, wholePart } from '../../calibration/source.js';
import type { Statistics, TensorStatistics } from '../../calibration/statistics.js';
import { exposing } from '../graph/expose.js';
import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import type { Feed, NdArray } from '../numerics/nd-array.js';
import type { MemoryEstimate } from '../options.js';
import { hashModel } from '../proto/hash.js';
import { memoryBytes } from '../runtime/machine.js';
import type { Provider, Session, SessionSettings } from '../runtime/session.js';
import type { KeptOutputs } from './kept-outputs.js';
import { type MemoryLimit, type PassPlan, planPasses } from './passes.js';
import { firstFeed } from './samples.js';
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
}

/**
 * Threads inside an operator, on every machine: the last bit of some convolutions changes with their number, since it
 * decides how a sum is shared out, but not with the cores that they run on. So the same input gives the same file
 * wherever it is made on the same kind of CPU.
 */
export const THREADS = 2;

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
  const observed = await observe(model, values, source, settings);
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
  { provider = 'cpu', progress = () => {}, maxMemoryBytes, onEstimate, outputs }: CalibrationSettings,
): Promise<Map<string, TensorStatistics>> {
  const inner = innerValues(model, values);
  const settings = sessionSettings(provider);
  const planned = await withModel(exposing(model, inner), settings, async (session) => {
    const feed = await firstFeed(source);
    const sizes = await valueSizes(model, session, { feed, values: inner, settings });
    const plan = planPasses(sizes, memoryLimit(maxMemoryBytes));
    onEstimate?.({ passes: Math.max(1, plan.passes.length), estimateBytes: plan.estimateBytes });
    // The session that all values are exposed of is at hand: one pass needs no other.
    if (plan.passes.length > 1) return plan;
    if (!outputs) return collectStatistics(source, values, runnerOf(session, inner), progress);
    const names = session.outputNames.filter((name) =>
      model.graph.outputs.some((each) => each.name === name),
    );
    const run = runnerOf(session, [...new Set([...inner, ...names])]);
    return collectStatistics(source, values, run, progress, (made, samples) => {
      outputs.keep(new Map(names.map((name) => [name, made.get(name) as NdArray])), samples);
    });
  });
  if (!isPlan(planned)) return planned;
  const fed = values.filter((value) => !inner.includes(value));
  // What is fed is there in every pass, and counted in the first.
  const passes = planned.passes.map((pass, index) => (index === 0 ? [...fed, ...pass] : pass));
  return observeInPasses(model, passes, source, { provider, progress });
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
    const found = await withModel(exposing(model, inner), sessionSettings(provider), (session) =>
      collectStatistics(source, pass, runnerOf(session, inner), tell),
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

const sessionSettings = (provider: Provider): SessionSettings => ({
  mode: 'basic',
  threads: THREADS,
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

/** The runtime refuses to be asked for nothing, as where every value observed is an input. */
const runnerOf = (session: Session, values: readonly string[]) => async (feed: Feed) =>
  new Map([...Object.entries(feed), ...(values.length === 0 ? [] : await session.run(feed, values))]);
