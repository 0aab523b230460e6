import { rangeOfPixels } from '../../calibration/preprocess.js';
import type { SampleSource } from '../../calibration/source.js';
import { findRanges, noRanges } from '../calibrate/find-ranges.js';
import { KeptOutputs } from '../calibrate/kept-outputs.js';
import { firstFeed, type Samples } from '../calibrate/samples.js';
import { Watch } from '../calibrate/watch.js';
import { checkRuns } from '../emit/check-model.js';
import { withCommit } from '../emit/commit.js';
import { emitPlan } from '../emit/emit-plan.js';
import { planOf, readPlanFile, serializePlan } from '../emit/plan-file.js';
import { withWritten } from '../emit/write-model.js';
import type { SeenRanges } from '../evaluate/beyond-ranges.js';
import { type Distribution, weightDistributions, worstDistributions } from '../evaluate/distribution.js';
import { evaluate, unmeasured } from '../evaluate/evaluate.js';
import { inputFit } from '../evaluate/first-norms.js';
import { loadMetric } from '../evaluate/load-metric.js';
import { heldRange } from '../evaluate/saturation.js';
import { foldedFormOf } from '../fold/folded-form.js';
import { readProgram } from '../integer/read-program.js';
import { refuseWithoutLayers, serializeIntegers } from '../integer/serialize.js';
import { defaultLimits, type Limits } from '../load/limits.js';
import { refuseFailedModules, withUserModules } from '../modules/user-module.js';
import type { QuantizeOptions } from '../options.js';
import { place, refuseEmpty } from '../place/place.js';
import { formOf } from '../place/targets/targets.js';
import { checkModel, checkOutputs } from '../prepare/check-files.js';
import {
  checkGiven,
  checkSearch,
  refuseBesidePlan,
  refuseMeasuring,
  refuseUnusedStatistics,
  refuseUnusedTraining,
} from '../prepare/check-options.js';
import { makePlanner } from '../prepare/planner.js';
import { besideModel, calibrationSettings, prepare, refiningOf } from '../prepare/prepare.js';
import { layerQuantizerOf, type Plan, type ReportedPlan } from '../quantize/plan.js';
import type { Planner } from '../quantize/planner.js';
import { NONE, type Recipe, recipeName, resolveRecipe, saysObserver } from '../recipe.js';
import { apartSteps } from '../refine/learn-shard.js';
import { moments } from '../refine/moments.js';
import { refineStages } from '../refine/refine-steps.js';
import { refiners } from '../refine/refiners.js';
import { registries } from '../registries.js';
import { readClassNames } from '../report/class-names.js';
import { formatBytes } from '../report/format.js';
import { appendHistory } from '../report/history.js';
import { openJudge } from '../report/judge.js';
import { makeResult } from '../report/make-result.js';
import { quantizeCommandLine } from '../report/reproduce.js';
import type { Result } from '../report/result.js';
import { addReports, checkReports } from '../report/write-reports.js';
import { explain } from '../search/explain.js';
import { findRecipe } from '../search/find-recipe.js';
import { keepBoxes, looksForBoxes, measured } from '../search/keep-boxes.js';
import { limitsOf, limitsRanks } from '../search/limits.js';
import { recipePathOf, serializeRecipe } from '../search/recipe-file.js';
import { asPlanned } from '../search/record.js';
import { readOwnSensitivities } from '../search/sensitivity-file.js';
import { sensitivitySource, splitForSearch } from '../search/split-samples.js';
import { tunedForSpeed } from '../search/tune-speed.js';
import { type HeldHalves, halfRecord, heldHalves } from './half-record.js';
import { keepingStopped } from './keep-stopped.js';
import { boxesRefusal, learnedFlag, learnedFrom, refuseBeside } from './learn-part.js';
import { sensitivityBasis } from './sensitivity-basis.js';
import { valuesForOthers } from './values-for-others.js';

/**
 * The main job: a float model in, a QDQ model out, the drift between the two measured.
 *
 * @throws QuantizeError for whatever the user can mend; every existing file is then as it was
 */
export function quantize(options: QuantizeOptions): Promise<Result> {
  return withUserModules(() => quantizeWithin(options, defaultLimits));
}

/** The same, with other sizes at which a model is handled in another way. */
export async function quantizeWithin(options: QuantizeOptions, limits: Limits): Promise<Result> {
  const started = performance.now();
  const preprocess = checkGiven(options);
  const { stats, threads, provider } = options;
  const watch = new Watch(options);
  await checkModel(options.model);
  const makeMetric = options.metric === undefined ? undefined : await loadMetric(options.metric);
  const judge = await openJudge(options);
  const classNames = options.classNames === undefined ? undefined : await readClassNames(options.classNames);
  refuseBesidePlan(options);
  const stored = options.plan === undefined ? undefined : await readPlanFile(options.plan);
  const hasRanges = options.data !== undefined || stats !== undefined || stored !== undefined;
  const given = resolveRecipe(stored ? stored.recipe : options.recipe, registries, hasRanges);
  if (stats !== undefined) refuseUnusedStatistics(given);
  checkSearch(options);
  // Whether what it names can run; how many samples there are is not known yet.
  const mayHaveSamples = options.data !== undefined && stats === undefined;
  if (!stored) {
    const counts = { samples: mayHaveSamples ? Number.POSITIVE_INFINITY : 0 };
    const stages = refineStages(given, { ...counts, hasTraining: options.trainData !== undefined });
    refuseUnusedTraining(options, stages.flat());
    if (options.learned !== undefined) {
      apartSteps(stages, refiners, learnedFlag);
      refuseBeside(options, '--learned');
    }
  }
  const name = options.auto ? 'auto' : recipeName(given);
  const output = options.output ?? besideModel(options.model, `${name}.onnx`);

  const recipePath = options.auto ? recipePathOf(output) : undefined;
  const { savePlan, saveIntegers } = options;
  const besides = [savePlan, saveIntegers].filter((path) => path !== undefined);
  const written = [output, recipePath, ...besides].filter((path) => path !== undefined);
  await checkReports(options.reports, written);
  for (const [i, path] of besides.entries()) await checkOutputs([path], [output, ...besides.slice(0, i)]);
  const outputs = [...written, ...(options.reports ?? [])];

  // Nothing but the size can be told of a model that runs on no random input.
  const { auto, origins, suggest, tuneSpeed, metric } = options;
  const prepared = await prepare(options, {
    ...{ outputs, form: foldedFormOf(given), isHalf: given.float16, watch, limits },
    check: (folded) => refuseEmpty(folded, place(folded, given, options.model), options.model, given),
    mayGoUnmeasured: !auto && !origins && !suggest && !tuneSpeed && metric === undefined,
  });
  const { loaded, madeFrom, model, fold, isLarge } = prepared;
  if (isLarge) refuseMeasuring(options, loaded.sizeBytes);

  await watch.begin('place');
  const first = place(model, given, options.model);
  watch.detail(`${recipeName(given)}: ${first.weighted.length} layers, ${first.values.size} activations`);

  const placed = { model, path: options.model, recipe: given, placement: first };
  await watch.begin('calibrate');
  // Samples that calibrate and measure run in float once.
  const kept = prepared.samples.kind === 'calibration' && !auto ? new KeptOutputs() : undefined;
  const ranges = stored
    ? noRanges
    : await findRanges(placed, {
        stats,
        samples: prepared.samples.calibration,
        inputRange: options.inputRange ?? rangeOfPixels(preprocess),
        others: valuesForOthers(model, given, first, options),
        outputs: kept,
        ...calibrationSettings(options, watch),
      });
  const saved = stored && planOf(stored, placed);
  let stopped: Plan | undefined;
  const planner = makePlanner({
    ...{ model, path: options.model, madeFrom, ranges, saved, threads, keeps: !isLarge },
    refining: {
      ...refiningOf(options, prepared.samples, watch),
      learned: options.learned === undefined ? undefined : learnedFrom(options.learned, model, provider),
      stopped: (plan) => {
        stopped = plan;
      },
    },
  });

  const found =
    options.auto &&
    (await search(planner, measured({ ...given, refine: NONE }), prepared.samples, {
      options,
      watch,
      floatFile: loaded.runs,
    }));
  const samples = found?.samples ?? (stored ? measuring(prepared.samples) : prepared.samples);
  // The search tries unrefined plans; its outcome is refined.
  const mayKeep = !found && !stored && !isLarge;
  const following = {
    provider,
    progress: watch.progress,
    pause: watch.pause,
    begin: (part: string) => watch.begin(part),
    saysObserver: saysObserver(options.recipe),
  };
  if (options.learned !== undefined && (await looksForBoxes(planner, given, prepared.samples, following)))
    throw boxesRefusal('--learned');
  const boxes = mayKeep ? await keepBoxes(planner, given, prepared.samples, following) : undefined;
  const chosen = found ? { ...found.recipe, refine: given.refine } : (boxes?.recipe ?? given);
  const tuned = tuneSpeed ? await tune(planner, chosen, samples, options, watch) : undefined;
  const recipe = tuned?.recipe ?? chosen;

  const weights = new Map<string, Distribution>();
  const savedBytes = new Map<string, Uint8Array>();
  let halves: HeldHalves | undefined;
  // The weights of the plan are not held beyond this.
  const emit = async () => {
    await watch.begin('quantize');
    const plan = await keepingStopped(planner.plan(recipe), {
      ...{ model, path: options.model, savePlan, found: () => stopped },
    });
    for (const [id, distribution] of weightDistributions(plan)) weights.set(id, distribution);
    if (savePlan !== undefined) savedBytes.set(savePlan, serializePlan(model, plan));
    await watch.begin('emit');
    const made = emitPlan(model, plan);
    halves = heldHalves(made.halves, isLarge);
    if (saveIntegers !== undefined) {
      const program = await readProgram(made.emitted.model);
      refuseWithoutLayers(program);
      savedBytes.set(saveIntegers, serializeIntegers(program, saveIntegers));
    }
    return made;
  };

  return withWritten(emit, { output, onDisk: isLarge, limits }, async (written) => {
    const { source, emitted, plan, sha256, sizeBytes } = written;
    const { placement } = plan;
    const isMeasured = samples.kind !== 'none';
    await checkRuns(source, isMeasured ? await firstFeed(samples.evaluation) : undefined);

    await watch.begin('evaluate');
    watch.detail(`${samples.evaluation.length} samples of ${samples.evaluation.label}`);
    const floatOutputs = kept?.allOf(samples.evaluation.length);
    const files = { floatFile: loaded.runs, floatOutputs, quantized: source };
    const models = { ...files, folded: model, placement, emitted };
    const settings = {
      ...{ threads, provider, preprocess, makeMetric },
      ranges: seenRanges(plan),
      ...{ classesAxis: options.classesAxis, mayRank: limitsRanks(options.gates) },
      withProgress: (source: SampleSource) => watch.withProgress(source),
    };
    const evaluation = isMeasured
      ? await evaluate(
          {
            ...models,
            inTurn: isLarge,
            isPortable: !recipe.assumeVnni || formOf(recipe.target).sums === 'int32',
          },
          samples,
          settings,
        )
      : unmeasured;

    const float16 = await halfRecord(halves, isMeasured, {
      float: model,
      written: source,
      evaluation: samples.evaluation,
      options,
    });
    const counts = countsOf(prepared.samples);
    const stages = stored ? [] : refineStages(recipe, counts);
    const isReal = samples.kind === 'evaluation' || samples.kind === 'calibration';
    const mayExplore =
      options.suggest !== false &&
      isReal &&
      !auto &&
      !stored &&
      !isLarge &&
      stages.flat().every(({ name }) => name === moments.name);
    const refinedSamples = stages.length > 0 ? counts.samples : 0;
    const explained = { recipe, placement, evaluation, sizeBytes, floatFile: loaded.runs, refinedSamples };
    const asked = { origins: options.origins, suggest: options.suggest, mayExplore };
    const { origins, suggestions } = await explain(planner, explained, samples.evaluation, asked, following);

    const fit =
      isReal && !isLarge
        ? await inputFit(model, prepared.samples.calibration ?? samples.evaluation, { provider })
        : undefined;

    await watch.begin('write');
    const quantized = { path: output, sha256, sizeBytes, model: emitted.model };
    const elapsedMs = performance.now() - started;
    const { statistics } = ranges;
    const run = {
      ...{ float: loaded, quantized, fold, plan, samples, statistics, evaluation, origins, suggestions },
      ...{ fit, preparation: preprocess?.label, tuning: tuned?.tuning, boxes: boxes?.kept, float16 },
      distributions: worstDistributions(evaluation.layers, weights, plan, statistics),
      // The name that a search gives its model is not that of the recipe it found.
      reproduce: quantizeCommandLine(options.auto ? { ...options, output } : options, recipe),
      search: found && asPlanned(found.record, placement),
    };
    const result = judge(makeResult({ ...run, provider, elapsedMs, classNames, metric, at: new Date() }));
    await loaded.refuseChanged();
    await refuseFailedModules();
    await withCommit(async (files) => {
      await addReports(files, result, options.reports);
      for (const [path, bytes] of savedBytes) await files.write(path, bytes);
      if (recipePath) await files.write(recipePath, serializeRecipe(recipe));
      // The model comes last: its rename is the commit.
      await written.addTo(files);
    });
    if (options.history !== undefined) await appendHistory(options.history, result);
    watch.detail(`${output}, ${formatBytes(sizeBytes)}`);
    return result;
  });
}

/** Layers that are faster in float here, found by timing. */
async function tune(
  planner: Planner,
  recipe: Recipe,
  { evaluation }: Samples,
  options: QuantizeOptions,
  watch: Watch,
) {
  const { threads, provider } = options;
  await watch.begin('tune speed');
  return tunedForSpeed(planner, recipe, await firstFeed(evaluation), {
    threads,
    provider,
    pause: watch.pause,
  });
}

const countsOf = ({ calibration, training }: Samples) => ({
  samples: calibration?.length ?? 0,
  hasTraining: training !== undefined,
});

/** Samples beside a saved plan only measure: nothing is calibrated. */
const measuring = (samples: Samples): Samples => ({
  ...samples,
  calibration: undefined,
  kind: samples.kind === 'calibration' ? 'evaluation' : samples.kind,
});

/** The search for bits and schemes, and the samples that are left to state its outcome on. */
async function search(
  planner: Planner,
  recipe: Recipe,
  samples: Samples,
  { options, watch, floatFile }: { options: QuantizeOptions; watch: Watch; floatFile: string | Uint8Array },
) {
  const split = await splitForSearch(samples);
  const { auto = {}, gates, provider } = options;
  const { sensitivity } = auto;
  const source = sensitivitySource(samples, split);
  const measured =
    sensitivity === undefined
      ? undefined
      : await readOwnSensitivities(sensitivity, await sensitivityBasis(planner, recipe, source, options));
  const sources = {
    ...{ planner, recipe, split, floatFile, measured },
    options: auto,
    limits: limitsOf(gates),
    sensitivity: source,
  };
  const { progress, pause } = watch;
  const found = await findRecipe(sources, { provider, progress, pause, begin: (part) => watch.begin(part) });
  return { ...found, samples: split.final };
}

/** What the calibration samples held, and what the codes hold. */
function seenRanges(plan: ReportedPlan): SeenRanges {
  return new Map(
    [...plan.activations].flatMap(([name, { observation }]) => {
      if (!observation.range) return [];
      const quantizer = layerQuantizerOf(plan, name);
      return [[name, { ...observation.range, held: quantizer && heldRange(quantizer) }] as const];
    }),
  );
}
