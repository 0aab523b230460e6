import { preprocessOf } from '../../calibration/given-preprocess.js';
import { openAll } from '../calibrate/samples.js';
import { Watch } from '../calibrate/watch.js';
import { convertModel } from '../convert/convert-model.js';
import { readRecipe } from '../emit/recipe-metadata.js';
import { QuantizeError } from '../errors.js';
import { evaluateFiles } from '../evaluate/evaluate.js';
import { loadMetric } from '../evaluate/load-metric.js';
import { matchLayers } from '../evaluate/match-layers.js';
import { formOf } from '../evaluate/model-form.js';
import { pairModels } from '../evaluate/pair-models.js';
import { plannedLayers } from '../evaluate/planned-layers.js';
import { foldModel } from '../fold/fold-model.js';
import { foldedFormOf } from '../fold/folded-form.js';
import type { Model } from '../graph/model.js';
import type { GivenInputs } from '../load/given-inputs.js';
import { defaultLimits, type Limits } from '../load/limits.js';
import { type LoadedModel, loadAnyModel, loadModel } from '../load/load-model.js';
import { withOriginal } from '../load/with-original.js';
import { refuseFailedModules, withUserModules } from '../modules/user-module.js';
import type { CompareOptions } from '../options.js';
import { place } from '../place/place.js';
import { checkModel, checkOutputs, filesRead } from '../prepare/check-files.js';
import { type Recipe, resolveRecipe } from '../recipe.js';
import { registries } from '../registries.js';
import { readClassNames } from '../report/class-names.js';
import { appendHistory } from '../report/history.js';
import { openJudge } from '../report/judge.js';
import { type ComparedLayers, makeComparison } from '../report/make-comparison.js';
import { compareCommandLine } from '../report/reproduce.js';
import type { Result } from '../report/result.js';
import { checkReports, writeReports } from '../report/write-reports.js';
import { checkProvider } from '../runtime/session.js';
import { limitsRanks } from '../search/limits.js';

/**
 * Two models with the same inputs, side by side: drift of outputs and layers, accuracy, speed. Neither file is changed.
 *
 * @throws QuantizeError for whatever the user can mend
 */
export function compare(options: CompareOptions): Promise<Result> {
  return withUserModules(() => compareWithin(options, defaultLimits));
}

/** The same, with other sizes at which a model is handled in another way. */
export async function compareWithin(options: CompareOptions, limits: Limits): Promise<Result> {
  const started = performance.now();
  const { threads, provider } = options;
  const watch = new Watch(options);
  for (const model of [options.float, options.quantized]) await checkModel(model);
  if (provider) checkProvider(provider);
  if (options.labels !== undefined && options.data === undefined) {
    const mend = 'Give the samples that they belong to with --data.';
    throw new QuantizeError('bad-option', { flag: '--labels', problem: 'needs samples', mend });
  }

  await checkReports(options.reports);
  const read = [options.float, options.quantized, ...filesRead(options)];
  await checkOutputs(options.reports ?? [], read);
  const judge = await openJudge(options);
  const classNames = options.classNames === undefined ? undefined : await readClassNames(options.classNames);

  await watch.begin('load');
  const makeMetric = options.metric === undefined ? undefined : await loadMetric(options.metric);
  const { set, shapes } = options;
  const float = await loadAnyModel(options.float, limits.heldBytes, { set, shapes });
  const quantized = await loadAnyModel(options.quantized, limits.heldBytes, { shapes });
  await checkOutputs(options.reports ?? [], [...float.externalFiles, ...quantized.externalFiles]);
  const pairing = pairModels(float, quantized);
  const shared: Model = { ...float.model, graph: { ...float.model.graph, inputs: [...pairing.inputs] } };
  const opened = await withOriginal(float, threads, async (original) => ({
    ...(await openAll(shared, { ...options, measuresData: true }, (feed) => original.run(feed))),
    unheld: original.unheldOutputs,
  }));
  const samples = {
    calibration: undefined,
    evaluation: watch.stoppable(opened.evaluation),
    // What --data gives is measured on here, and nothing is calibrated.
    kind: opened.kind === 'calibration' ? ('evaluation' as const) : opened.kind,
    labels: opened.labels,
    setName: opened.setName,
    otherSets: opened.otherSets?.map((set) => ({ ...set, source: watch.stoppable(set.source) })),
    unheld: opened.unheld,
  };

  await watch.begin('match');
  const layers = await layersOf(float, quantized, { set, shapes }, limits);

  await watch.begin('evaluate');
  const evaluation = await evaluateFiles(
    {
      floatFile: float.runs,
      quantized: quantized.runs,
      layers,
      floatOutputs: pairing.floatOutputs,
      adapter: pairing.adapter,
      exactMode: formOf(quantized.model) === 'qdq' ? 'exact' : 'disabled',
      isFolded: layers.placement !== undefined,
      inTurn: Math.max(float.sizeBytes, quantized.sizeBytes) >= limits.largeBytes,
    },
    samples,
    {
      threads,
      provider,
      withProgress: (source) => watch.withProgress(source),
      preprocess: preprocessOf(options.preprocess),
      makeMetric,
      ...{ classesAxis: options.classesAxis, mayRank: limitsRanks(options.gates) },
    },
  );
  const reproduce = compareCommandLine(options);
  const elapsedMs = performance.now() - started;
  const run = { float, quantized, pairing, layers, samples, evaluation, provider };
  const result = judge(
    makeComparison({ ...run, reproduce, elapsedMs, classNames, metric: options.metric, at: new Date() }),
  );
  for (const model of [float, quantized]) await model.refuseChanged();
  await refuseFailedModules();
  await writeReports(result, options.reports);
  if (options.history !== undefined) await appendHistory(options.history, result);
  return result;
}

/** The layers of both models: by the plan where this tool wrote the file, otherwise by name and by order. */
async function layersOf(
  float: LoadedModel,
  quantized: LoadedModel,
  given: GivenInputs,
  { heldBytes }: Limits,
): Promise<ComparedLayers> {
  const recipe = recipeOf(quantized.model);
  const planned =
    recipe &&
    (await byPlan(float.path, quantized.model, recipe, (path) => loadModel(path, heldBytes, given)));
  if (planned) return { ...planned, recipe, float: planned.folded, fold: planned.fold };
  const { model, pairs } = matchLayers(float.model, quantized.model);
  return {
    recipe,
    float: float.model,
    quantized: model,
    pairs,
    matched: pairs,
    fold: [],
    placement: undefined,
  };
}

/** The recipe in a model's metadata; undefined where there is none that this version knows. */
function recipeOf(model: Model): Recipe | undefined {
  const written = readRecipe(model);
  return written && unlessRefused(() => resolveRecipe(written, registries, true));
}

/** Place the float model again by the recipe; undefined where that does not lead to this file. */
async function byPlan(
  path: string,
  quantized: Model,
  recipe: Recipe,
  load: (path: string) => Promise<LoadedModel>,
) {
  // Folding works in place, and the graph as it was is needed too.
  const folded = await load(path).then(
    ({ model }) => model,
    (thrown) => {
      if (thrown instanceof QuantizeError) return undefined;
      throw thrown;
    },
  );
  if (!folded) return undefined;
  const form = foldedFormOf(recipe);
  const isConverted = unlessRefused(() => {
    if (form.isConverted) convertModel(folded, path);
    return true;
  });
  if (!isConverted) return undefined;
  const fold = await foldModel(folded, form);
  const placement = unlessRefused(() => place(folded, recipe, path));
  const layers = placement && plannedLayers(folded.graph, placement, quantized);
  if (!placement || !layers) return undefined;
  return { folded, fold, placement, quantized: layers.model, pairs: layers.pairs, matched: [] };
}

/** What a step gives; undefined where it refuses the model, so that the file was not made by it. */
function unlessRefused<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (thrown) {
    if (thrown instanceof QuantizeError) return undefined;
    throw thrown;
  }
}
