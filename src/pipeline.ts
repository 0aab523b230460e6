import { basename, dirname, join } from 'node:path';
import { actSchemes } from '../calibration/act-schemes/act-schemes.js';
import { mergeStatistics as merge } from '../calibration/merge-statistics.js';
import { observers } from '../calibration/observers/observers.js';
import { remembering } from '../calibration/observers/remembering.js';
import { rangeOfPixels } from '../calibration/preprocess.js';
import type { Statistics } from '../calibration/statistics.js';
import {
  readStatisticsFile,
  type StatisticsFile,
  serializeStatistics,
} from '../calibration/statistics-file.js';
import { type CalibrationSettings, calibrate as observe } from './calibrate/calibrate.js';
import { findRanges } from './calibrate/find-ranges.js';
import { firstFeed, openAll, type Samples, sampleFiles } from './calibrate/samples.js';
import { Watch } from './calibrate/watch.js';
import { convertModel } from './convert/convert-model.js';
import { checkRuns } from './emit/check-model.js';
import { emitPlan } from './emit/emit-plan.js';
import { checkOutput, writeFileWhole } from './emit/write-file.js';
import { dataPathOf, withWritten } from './emit/write-model.js';
import { QuantizeError } from './errors.js';
import { type Distribution, weightDistributions, worstDistributions } from './evaluate/distribution.js';
import { evaluate } from './evaluate/evaluate.js';
import { loadMetric } from './evaluate/user-metric.js';
import { foldModel } from './fold/fold-model.js';
import { referenceOf, verifyFold } from './fold/verify-fold.js';
import { type Model, opsetOf } from './graph/model.js';
import { defaultLimits, type Limits } from './load/limits.js';
import { loadModel } from './load/load-model.js';
import { withOriginal } from './load/with-original.js';
import type {
  CalibrateOptions,
  InspectOptions,
  MachineOptions,
  MergeOptions,
  QuantizeOptions,
  RunHooks,
} from './options.js';
import { place, refuseEmpty } from './place/place.js';
import { observableValues } from './place/placement.js';
import { schemes } from './quantize/schemes/schemes.js';
import { named, type Recipe, recipeName, resolveRecipe, widestRecipe } from './recipe.js';
import { describePlan } from './report/describe-plan.js';
import { formatBytes } from './report/format.js';
import type { Inspection } from './report/inspection.js';
import { openJudge } from './report/judge.js';
import { makeResult } from './report/make-result.js';
import { quantizeCommandLine } from './report/reproduce.js';
import type { Result } from './report/result.js';
import { type StatisticsSummary, summarizeStatistics } from './report/statistics-summary.js';
import { checkReports, writeReports } from './report/write-reports.js';
import { checkProvider } from './runtime/session.js';
import { explain } from './search/explain.js';
import { findRecipe } from './search/find-recipe.js';
import { limitsOf } from './search/limits.js';
import { type Bench, planAs } from './search/quantize-as.js';
import { recipePathOf, serializeRecipe } from './search/recipe-file.js';
import { splitForSearch } from './search/split-samples.js';

/**
 * The main job: a float model in, a QDQ model out, the drift between the two measured.
 *
 * @throws QuantizeError for whatever the user can mend; every existing file is then as it was
 */
export function quantize(options: QuantizeOptions): Promise<Result> {
  return quantizeWithin(options, defaultLimits);
}

/** The same, with other sizes at which a model is handled in another way. */
export async function quantizeWithin(options: QuantizeOptions, limits: Limits): Promise<Result> {
  const started = performance.now();
  const { stats, threads, provider } = options;
  const watch = new Watch(options);
  const makeMetric = options.metric === undefined ? undefined : await loadMetric(options.metric);
  const judge = await openJudge(options);
  const hasRanges = options.data !== undefined || stats !== undefined;
  const given = resolveRecipe(options.recipe, { schemes, observers, actSchemes }, hasRanges);
  if (stats !== undefined) refuseUnusedStatistics(given);
  checkSearch(options);
  const name = options.auto ? 'auto' : recipeName(given);
  const output = options.output ?? besideModel(options.model, `${name}.onnx`);

  const recipePath = options.auto && recipePathOf(output);
  const read = [options.model, stats, options.baseline].filter((path) => path !== undefined);
  await checkReports(options.reports, [...read, output, ...(recipePath ? [recipePath] : [])]);
  // Before the time that a search takes.
  if (recipePath) for (const file of read) await checkOutput(file, recipePath);

  const prepared = await prepare(options, { output, converts: given.actBits !== 'float', watch, limits });
  const { loaded, model, fold, isLarge } = prepared;
  if (isLarge) refuseMeasuring(options, loaded.sizeBytes);

  await watch.begin('place');
  const first = place(model, given, options.model);
  refuseEmpty(first, options.model);
  watch.detail(`${recipeName(given)}: ${first.layers.length} layers, ${first.values.size} activations`);

  await watch.begin('calibrate');
  const ranges = await findRanges({
    ...{ model, path: options.model, recipe: given, placement: first, observers, stats },
    samples: prepared.samples.calibration,
    inputRange: options.inputRange ?? rangeOfPixels(options.preprocess),
    others: options.suggest ? valuesForOthers(model, given, options.model) : [],
    ...calibrationSettings(options, watch),
  });
  const bench: Bench = {
    ...{ model, path: options.model, ranges, schemes, actSchemes },
    observers: observers.map(remembering),
  };

  const found = options.auto && (await search(bench, given, prepared.samples, { options, watch }));
  const samples = found?.samples ?? prepared.samples;
  const recipe = found?.recipe ?? given;
  const placement = found ? place(model, recipe, options.model) : first;

  const weights = new Map<string, Distribution>();
  // The weights of the plan are not held beyond this.
  const emit = async () => {
    await watch.begin('quantize');
    const plan = planAs(bench, recipe, placement);
    for (const [id, distribution] of weightDistributions(plan)) weights.set(id, distribution);
    await watch.begin('emit');
    return emitPlan(model, plan);
  };

  return withWritten(emit, { output, onDisk: isLarge, limits }, async (written) => {
    const { source, emitted, plan, sha256, sizeBytes } = written;
    await checkRuns(source, await firstFeed(samples.evaluation));

    await watch.begin('evaluate');
    watch.detail(`${samples.evaluation.length} samples of ${samples.evaluation.label}`);
    const evaluation = await evaluate(
      { floatPath: options.model, quantized: source, folded: model, placement, emitted, inTurn: isLarge },
      samples,
      {
        threads,
        provider,
        told: (told) => watch.told(told),
        preprocess: options.preprocess,
        metric: await makeMetric?.(),
      },
    );

    const told = {
      provider,
      progress: watch.progress,
      pause: watch.pause,
      begin: (part: string) => watch.begin(part),
    };
    const explained = { recipe, placement, evaluation, sizeBytes, floatPath: options.model };
    const { origins, suggestions } = await explain(bench, explained, samples.evaluation, options, told);

    await watch.begin('write');
    const quantized = { path: output, sha256, sizeBytes, model: emitted.model };
    const elapsedMs = performance.now() - started;
    const { statistics } = ranges;
    const run = {
      ...{ float: loaded, quantized, fold, plan, samples, statistics, evaluation, origins, suggestions },
      distributions: worstDistributions(evaluation.layers, weights, plan, statistics),
      // The name that a search gives its model is not that of the recipe it found.
      reproduce: quantizeCommandLine(options.auto ? { ...options, output } : options, recipe),
      search: found?.record,
    };
    const result = judge(makeResult({ ...run, provider, elapsedMs }));
    await writeReports(result, options.reports);
    if (recipePath) await writeFileWhole(recipePath, serializeRecipe(recipe));
    // The model comes last: where a report cannot be written, it is as it was.
    await written.commit();
    watch.detail(`${output}, ${formatBytes(sizeBytes)}`);
    return result;
  });
}

/** The search for bits and schemes, and the samples that are left to state its outcome on. */
async function search(
  bench: Bench,
  recipe: Recipe,
  samples: Samples,
  { options, watch }: { options: QuantizeOptions; watch: Watch },
) {
  const split = await splitForSearch(samples);
  const sources = {
    ...{
      bench,
      recipe,
      split,
      floatPath: options.model,
      options: options.auto ?? {},
      limits: limitsOf(options.gates),
    },
    sensitivity: samples.calibration ?? split.search.source,
  };
  const { provider } = options;
  const { progress, pause } = watch;
  const found = await findRecipe(sources, { provider, progress, pause, begin: (part) => watch.begin(part) });
  return { ...found, samples: split.final };
}

/** Values that another recipe could need: all that any could, where ranges are found on samples at all. */
function valuesForOthers(model: Model, recipe: Recipe, path: string): string[] {
  const isStatic = recipe.actBits !== 'float' && !recipe.dynamic;
  if (!isStatic || named(observers, recipe.observer).from === 'batch-norm') return [];
  return observableValues(place(model, widestRecipe, path));
}

/**
 * One pass over the samples, written as a statistics file: every value that any recipe for this model could need.
 *
 * @throws QuantizeError for whatever the user can mend; every existing file is then as it was
 */
export async function calibrate(options: CalibrateOptions): Promise<StatisticsSummary> {
  const started = performance.now();
  const { data, shard } = options;
  if (data === undefined || data.length === 0) {
    const mend = 'Give samples like those that the model will see.';
    throw new QuantizeError('bad-option', { flag: '--data', problem: 'is missing', mend });
  }
  const watch = new Watch(options);
  const suffix = shard ? `stats.${shard.index}-of-${shard.count}.json` : 'stats.json';
  const output = options.output ?? besideModel(options.model, suffix);

  const { model, samples } = await prepare(options, { output, converts: true, watch, limits: defaultLimits });

  await watch.begin('place');
  const placement = place(model, widestRecipe, options.model);
  refuseEmpty(placement, options.model);
  const values = observableValues(placement);
  if (values.length === 0) {
    const reason = 'it has no layer whose input could be integer, so that there is nothing to calibrate';
    throw new QuantizeError('nothing-to-quantize', { path: options.model, reason });
  }

  await watch.begin('calibrate');
  const settings = calibrationSettings(options, watch);
  const statistics = (await observe(model, values, samples.calibration, settings)) as Statistics;

  await watch.begin('write');
  return writeStatistics(output, statistics, started);
}

/**
 * The statistics of all shards of a calibration in one file: byte for byte that of one run over all samples.
 *
 * @throws QuantizeError where a shard is missing or does not belong; every existing file is then as it was
 */
export async function mergeStatistics({ inputs, output }: MergeOptions): Promise<StatisticsSummary> {
  const started = performance.now();
  for (const input of inputs) await checkOutput(input, output);
  const files: StatisticsFile[] = [];
  for (const input of inputs) files.push(await readStatisticsFile(input));
  return writeStatistics(output, merge(files), started);
}

/**
 * The plan without its numbers: what would be quantized, and the reason for everything that would not. Needs no data.
 *
 * @throws QuantizeError for a model that cannot be read, or a pattern that names no layer
 */
export async function inspect(options: InspectOptions): Promise<Inspection> {
  const recipe = resolveRecipe(options.recipe, { schemes, observers, actSchemes }, true);
  const { model } = await loadModel(options.model);
  const { inputs, outputs } = model.graph;
  if (recipe.actBits !== 'float') convertModel(model, options.model);
  const fold = await foldModel(model);
  const placement = place(model, recipe, options.model);
  return {
    model: basename(options.model),
    recipe,
    inputs,
    outputs,
    fold,
    plan: describePlan(model.graph, placement, recipe),
  };
}

/** How a run prepares its model. */
export interface Preparation {
  /** The file that will be written. */
  readonly output: string;
  /** Weights alone are stored in what every opset has, and need no conversion. */
  readonly converts: boolean;
  readonly watch: Watch;
  readonly limits: Limits;
}

/** The steps before the plan: load → convert → fold, the samples opened and the folded model verified on them. */
export async function prepare(
  options: QuantizeOptions | CalibrateOptions,
  { output, converts, watch, limits }: Preparation,
) {
  const { threads, provider } = options;
  if (provider) checkProvider(provider);
  const stats = 'stats' in options ? options.stats : undefined;
  const baseline = 'baseline' in options ? options.baseline : undefined;
  const metric = 'metric' in options ? options.metric : undefined;
  for (const input of [options.model, stats, baseline, metric, ...sampleFiles(options)])
    if (input !== undefined) await checkOutput(input, output);

  await watch.begin('load');
  const loaded = await loadModel(options.model, limits.heldBytes);
  const { model } = loaded;
  watch.detail(`${options.model}, ${formatBytes(loaded.sizeBytes)}, opset ${opsetOf(model)}`);
  const isLarge = loaded.sizeBytes >= limits.largeBytes;
  for (const file of [options.model, ...loaded.externalFiles]) {
    await checkOutput(file, output);
    // Only a large model can need the second file.
    if (isLarge) await checkOutput(file, dataPathOf(output));
  }

  await watch.begin('convert');
  if (converts) convertModel(model, options.model);

  await watch.begin('fold');
  // The original is gone before anything is folded: memory holds one float model's session at a time.
  const { reference, samples } = await withOriginal(options.model, threads, async (original) => {
    const opened = await openAll(model, options, (feed) => original.run(feed));
    const calibration = watch.stoppable(opened.calibration);
    const evaluation = watch.stoppable(opened.evaluation);
    return {
      samples: { ...opened, calibration, evaluation },
      reference: await referenceOf(original, evaluation),
    };
  });
  const fold = await foldModel(model);
  for (const { summary, changes } of fold) watch.detail(`${summary} (${changes})`);
  await verifyFold(reference, model, threads);
  return { loaded, model, isLarge, fold, samples };
}

export const calibrationSettings = (
  options: MachineOptions & RunHooks,
  watch: Watch,
): CalibrationSettings => ({
  provider: options.provider,
  progress: watch.progress,
  maxMemoryBytes: options.maxMemory === undefined ? undefined : options.maxMemory * 2 ** 20,
  onEstimate: options.onEstimate,
});

/** What the search needs. */
function checkSearch({ auto, data, evalData, labels, recipe, gates }: QuantizeOptions): void {
  if (!auto) return;
  const refuse = (problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag: '--auto', problem, mend });
  const limits = Object.entries(limitsOf(gates)).filter(([, limit]) => limit !== undefined);
  if (limits.length === 0)
    throw refuse(
      'needs a limit',
      'Give --max-drop 0.5% with --labels, --min-agreement 99%, --min-sqnr 30 or --max-size 300KB.',
    );
  if (data === undefined && evalData === undefined)
    throw refuse('needs samples to measure on', 'Give some with --data.');
  if (limitsOf(gates).maxDrop !== undefined && labels === undefined)
    throw refuse('cannot keep --max-drop without --labels', 'Give labels, or --min-agreement 99% instead.');
  if (auto.scheme !== undefined && !schemes.some(({ name }) => name === auto.scheme))
    throw refuse(`does not know the scheme "${auto.scheme}"`, 'Run `quantize schemes` for their names.');
  if (recipe?.format === 'matmulnbits')
    throw refuse('chooses from 2 to 8 bits, and matmulnbits has 4 and 8', 'Leave out --format.');
}

/** What quantizes a model again and again holds it in memory. */
function refuseMeasuring({ auto, suggest, origins, model }: QuantizeOptions, sizeBytes: number): void {
  const flag = auto ? '--auto' : suggest ? '--suggest' : origins ? '--origins' : undefined;
  if (flag)
    throw new QuantizeError('too-large-to-measure', { flag, path: model, size: formatBytes(sizeBytes) });
}

/** A flag that would do nothing is a mistake. */
function refuseUnusedStatistics({ actBits, dynamic }: Recipe): void {
  if (actBits !== 'float' && !dynamic) return;
  const problem = `has no use with ${dynamic ? '--dynamic' : '--act-bits float'}, which needs no activation ranges`;
  throw new QuantizeError('bad-option', { flag: '--stats', problem, mend: 'Leave out one of the two.' });
}

async function writeStatistics(
  path: string,
  statistics: Statistics,
  started: number,
): Promise<StatisticsSummary> {
  const text = serializeStatistics(statistics);
  await writeFileWhole(path, text);
  return summarizeStatistics(path, text, statistics, performance.now() - started);
}

/** `model.onnx` → `model.<suffix>`, in the same folder. */
export function besideModel(model: string, suffix: string): string {
  return join(dirname(model), `${basename(model).replace(/\.onnx$/i, '')}.${suffix}`);
}
