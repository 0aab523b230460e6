import { join } from 'node:path';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import type { Shard } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import { calibrate } from '../calibrate/calibrate.js';
import { findRanges } from '../calibrate/find-ranges.js';
import { firstFeed, type NamedSamples } from '../calibrate/samples.js';
import { withResultsBefore } from '../calibrate/shown-results.js';
import { readStatistics } from '../calibrate/stored-statistics.js';
import { Watch } from '../calibrate/watch.js';
import { emitPlan } from '../emit/emit-plan.js';
import { writeFileWhole } from '../emit/write-file.js';
import { type WrittenModel, withWritten } from '../emit/write-model.js';
import { QuantizeError } from '../errors.js';
import { classAxes } from '../evaluate/class-axes.js';
import { compareOutputs } from '../evaluate/compare-outputs.js';
import { worstDb } from '../evaluate/drift.js';
import { foldedAndOriginal, measureSpeed } from '../evaluate/measure-speed.js';
import { type Recording, type Runner, recordRuns } from '../evaluate/recording.js';
import type { Model } from '../graph/model.js';
import { defaultLimits } from '../load/limits.js';
import { withScratch } from '../load/temporary.js';
import { refuseFailedModules } from '../modules/user-module.js';
import type { QuantizeOptions, SweepOptions } from '../options.js';
import { place, refuseEmpty } from '../place/place.js';
import { observedValues } from '../place/placement.js';
import { makePlanner } from '../prepare/planner.js';
import { calibrationSettings, refiningOf } from '../prepare/prepare.js';
import { named, type Recipe } from '../recipe.js';
import { dataRecord, fileRecord } from '../report/make-result.js';
import { quantizeCommandLine } from '../report/reproduce.js';
import { describeMachine } from '../runtime/machine.js';
import { runtimeVersion, withSession } from '../runtime/session.js';
import { keepBoxes } from '../search/keep-boxes.js';
import { tool } from '../version.js';
import { basisOf } from './basis.js';
import { checkDrift, chooseBest, frontOf, hasLimits, limitFlags } from './choose.js';
import { type Combination, combinationsOf, keyOf } from './combinations.js';
import { type Asked, inputRangeOf, type Prepared, PreparedForms } from './prepared-forms.js';
import {
  type Basis,
  type Choice,
  SWEEP_VERSION,
  type SweepRecord,
  type SweepResult,
  type SweptSet,
} from './record.js';
import { setsOf, worstSwept } from './sets.js';
import { readFinished, serializeSweep } from './sweep-file.js';

/** One sweep with one seed, its record kept in a file. */
export async function sweepWithin(given: SweepOptions, output: string): Promise<SweepRecord> {
  // Combinations are dealt out, and not the samples that each is made from.
  const { shard, ...options } = given;
  const watch = new Watch(options);
  const all = combinationsOf(options);
  const combinations = shard ? all.filter((_, i) => i % shard.count === shard.index - 1) : all;
  let run: Sweep | undefined;
  try {
    run = await openSweep({ options, output, watch }, combinations, { all, shard });
    await run.evaluate();
    await refuseFailedModules();
  } catch (thrown) {
    if (!(thrown instanceof QuantizeError) || thrown.code !== 'interrupted') throw thrown;
    const { step = '', where = '' } = thrown.facts;
    const facts = { step, where, done: run?.done ?? 0, total: combinations.length, path: output };
    throw new QuantizeError('sweep-interrupted', facts, { cause: thrown.cause });
  }
  return run.record;
}

/** The options of the single run that makes the model of a combination. */
export function runOf(options: SweepOptions): QuantizeOptions {
  const { model, data, stats, evalData, evalSets, labels, inputRange, samples, seed, provider } = options;
  const { preprocess, pictures, raw, tokenizer } = options;
  return {
    model,
    data,
    stats,
    evalData,
    evalSets,
    labels,
    inputRange,
    samples,
    seed,
    provider,
    preprocess,
    pictures,
    raw,
    tokenizer,
  };
}

/** Open the model and the samples, and find what is finished already. */
async function openSweep(asked: Asked, combinations: readonly Combination[], dealt: Dealt): Promise<Sweep> {
  const { options, output, watch } = asked;
  const { stats, provider = 'cpu' } = options;
  const [first] = dealt.all;
  if (!first) throw new QuantizeError('bad-option', noCombination);
  const forms = new PreparedForms(asked);
  const start = await forms.of(first.recipe);
  const { loaded, samples } = start;
  await watch.begin('resume');
  const basis = await basisOf({ loaded, samples, stats, inputRange: inputRangeOf(options), provider });
  const finished = await readFinished(output, basis);
  return new Sweep(asked, combinations, { dealt, forms, start, basis, finished });
}

/** The combinations of all shards, and which shard this is. */
interface Dealt {
  readonly all: readonly Combination[];
  readonly shard: Shard | undefined;
}

/** What is known before the first combination is made. */
interface Start {
  readonly dealt: Dealt;
  readonly forms: PreparedForms;
  readonly start: Prepared;
  readonly basis: Basis;
  /** Results that the file held. */
  readonly finished: readonly SweepResult[];
}

/** A sweep whose model and samples are open. */
class Sweep {
  readonly #options: SweepOptions;
  readonly #output: string;
  readonly #watch: Watch;
  readonly #combinations: readonly Combination[];
  readonly #dealt: Dealt;
  readonly #forms: PreparedForms;
  readonly #start: Prepared;
  readonly #basis: Basis;
  /** Finished combinations, by recipe. */
  readonly #finished: Map<string, SweepResult>;

  constructor({ options, output, watch }: Asked, combinations: readonly Combination[], known: Start) {
    this.#options = options;
    this.#output = output;
    this.#watch = watch;
    this.#combinations = combinations;
    this.#dealt = known.dealt;
    this.#forms = known.forms;
    this.#start = known.start;
    this.#basis = known.basis;
    this.#finished = new Map(known.finished.map((result) => [keyOf(result.recipe), result]));
  }

  /** How many of the combinations are finished. */
  get done(): number {
    return this.#combinations.length - this.#missing.length;
  }

  /** Evaluate what is missing, and keep each result. */
  async evaluate(): Promise<void> {
    const { model } = this.#options;
    for (const { recipe } of this.#combinations) {
      const prepared = await this.#forms.of(recipe);
      refuseEmpty(prepared.model, place(prepared.model, recipe, model), model, recipe);
    }
    const missing = this.#missing;
    if (missing.length === 0) {
      await this.#keep();
      return;
    }
    const statistics = await this.#statistics(missing);
    const { threads, provider } = this.#options;
    const { loaded, samples } = this.#start;
    await withScratch(async (folder) => {
      await this.#watch.begin('record float');
      const settings = { mode: 'default', threads, provider, label: 'the float model' } as const;
      const floats = await withSession(loaded.runs, settings, async (session) => {
        const recorded: Recording[] = [];
        for (const [i, { source }] of setsOf(samples).entries())
          recorded.push(
            await recordRuns(session, this.#watch.withProgress(source), join(folder, `float-${i}`)),
          );
        return recorded;
      });
      for (const { name, recipe } of missing) {
        const place = this.#combinations.findIndex((each) => each.name === name) + 1;
        await this.#watch.begin(`${name} (${place} of ${this.#combinations.length})`);
        const result = await this.#result({ name, recipe }, statistics, floats);
        // Before hours are spent on what no choice can be made of.
        if (this.#options.limits?.maxDrift !== undefined) checkDrift([result]);
        this.#finished.set(keyOf(recipe), result);
        await this.#keep();
      }
    });
  }

  get record(): SweepRecord {
    const { provider = 'cpu', limits } = this.#options;
    const { all, shard } = this.#dealt;
    const { loaded, samples } = this.#start;
    const asked = new Set(this.#combinations.map(({ recipe }) => keyOf(recipe)));
    const results = this.#combinations.flatMap(({ name, recipe }) => {
      const found = this.#finished.get(keyOf(recipe));
      return found ? [{ ...found, name }] : [];
    });
    return {
      schemaVersion: SWEEP_VERSION,
      tool,
      runtime: { name: 'onnxruntime', version: runtimeVersion, provider },
      machine: describeMachine(),
      basis: this.#basis,
      float: fileRecord(loaded),
      calibration: samples.calibration ? dataRecord(samples.calibration) : null,
      evaluation: { ...dataRecord(samples.evaluation), kind: samples.kind },
      results,
      missing: this.#combinations.length - results.length,
      front: frontOf(results),
      choice: hasLimits(limits) && results.length > 0 ? choiceOf(results, this.#options) : null,
      others: [...this.#finished].filter(([key]) => !asked.has(key)).map(([, result]) => result),
      ...(shard && { part: { shard, combinations: all.map(({ name }) => name) } }),
    };
  }

  get #missing(): readonly Combination[] {
    return this.#combinations.filter(({ recipe }) => {
      const found = this.#finished.get(keyOf(recipe));
      return !found || (this.#options.speed === true && found.speed === null);
    });
  }

  #keep(): Promise<void> {
    return writeFileWhole(this.#output, serializeSweep(this.record));
  }

  /** One calibration of all values that some combination asks for. */
  async #statistics(missing: readonly Combination[]): Promise<Statistics | undefined> {
    const { model: path, stats } = this.#options;
    await this.#watch.begin('calibrate');
    const observing = missing.filter(
      ({ recipe: { activations } }) =>
        activations.kind === 'static' && named(rangeSources, activations.observer).from === 'statistics',
    );
    const [first] = observing;
    if (!first) return undefined;
    const { model, samples } = await this.#forms.of(first.recipe);
    const values = observing.flatMap(({ recipe }) => observedValues(place(model, recipe, path)));
    if (stats !== undefined) return readStatistics(stats, { model, path }, values);
    const how = calibrationSettings(this.#options, this.#watch);
    return calibrate(model, withResultsBefore(model, values), samples.calibration, how);
  }

  async #result(
    { name, recipe }: Combination,
    statistics: Statistics | undefined,
    floats: readonly Recording[],
  ): Promise<SweepResult> {
    const { threads, provider, speed } = this.#options;
    const prepared = await this.#forms.of(recipe);
    const { samples } = this.#start;
    return this.#withModel(prepared, recipe, statistics, async ({ source, sizeBytes, sha256 }) => {
      const settings = { mode: 'default', threads, provider, label: `the model of ${name}` } as const;
      const sets = await withSession(source, settings, async (deployed) => {
        const measured: SweptSet[] = [];
        for (const [i, set] of setsOf(samples).entries())
          measured.push(
            await this.#measure(set, { float: floats[i] as Recording, deployed }, prepared.model),
          );
        return measured;
      });
      const { outputs, task } = worstSwept(sets);
      const timed = speed
        ? await measureSpeed(
            { ...foldedAndOriginal(prepared.model, prepared.loaded.runs), quantized: source },
            await firstFeed(samples.evaluation),
            { threads, provider },
          )
        : null;
      return {
        name,
        recipe,
        sizeBytes,
        sha256,
        outputs,
        task,
        ...(sets.length > 1 && { sets }),
        speed: timed,
      };
    });
  }

  /** One set of samples. */
  async #measure(
    { name, source, labels }: NamedSamples,
    { float, deployed }: { float: Recording; deployed: Runner },
    model: Model,
  ): Promise<SweptSet> {
    const { classesAxis, limits } = this.#options;
    const mayRank = limits?.maxDrift !== undefined;
    const classes = classAxes(model.graph, { given: classesAxis, mayRank, hasLabels: labels !== undefined });
    const { outputs, task } = await compareOutputs(
      this.#watch.withProgress(source),
      { float: float.replay(), deployed, exact: notRun },
      { labels, classes },
    );
    if (labels && !task) {
      const names = outputs.map((each) => each.name).join(', ');
      throw new QuantizeError('labels-need-classes', { outputs: names });
    }
    const swept = outputs.map(({ name: of, deployed: drift }) => {
      const { cosine, topOneAgreement } = drift;
      return { name: of, sqnrDb: worstDb(drift), cosine, topOneAgreement };
    });
    return { name, outputs: swept, task: task ?? null };
  }

  /** The model of a recipe, byte for byte that of `quantize`. */
  async #withModel<T>(
    { madeFrom, model, samples, isLarge }: Prepared,
    recipe: Recipe,
    statistics: Statistics | undefined,
    work: (written: WrittenModel) => Promise<T>,
  ): Promise<T> {
    const { model: path, stats, threads, provider } = this.#options;
    const placed = { model, path, recipe, placement: place(model, recipe, path) };
    const ranges = await findRanges(placed, {
      ...{ stats, statistics },
      samples: samples.calibration,
      inputRange: inputRangeOf(this.#options),
      ...calibrationSettings(this.#options, this.#watch),
    });
    const refining = refiningOf(this.#options, samples, this.#watch);
    const planner = makePlanner({ model, path, ranges, refining, keeps: false, madeFrom, threads });
    const settings = { provider, pause: this.#watch.pause };
    const kept = isLarge ? { recipe } : await keepBoxes(planner, recipe, samples, settings);
    const emit = async () => emitPlan(model, await planner.plan(kept.recipe));
    return withWritten(emit, { output: this.#output, onDisk: isLarge, limits: defaultLimits }, work);
  }
}

/** The best under the limits. */
export function choiceOf(results: readonly SweepResult[], options: SweepOptions): Choice {
  const limits = options.limits ?? {};
  const best = chooseBest(results, limits);
  return {
    limits: limitFlags(limits),
    name: best?.name ?? null,
    command: best ? quantizeCommandLine(runOf(options), best.recipe) : null,
  };
}

const noCombination = { flag: '--schemes', problem: 'names nothing', mend: 'Name at least one.' };

/** The error without integer kernels is left out: it would be one more run of every model. */
const notRun: Runner = { outputNames: [], run: async () => new Map() };
