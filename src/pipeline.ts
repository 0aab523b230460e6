import { basename, dirname, join } from 'node:path';
import { actSchemes } from '../calibration/act-schemes/act-schemes.js';
import { observers } from '../calibration/observers/observers.js';
import { calibrate } from './calibrate/calibrate.js';
import { firstFeed, openAll } from './calibrate/samples.js';
import { convertModel } from './convert/convert-model.js';
import { checkModel } from './emit/check-model.js';
import { emitModel } from './emit/emit-model.js';
import { addRecipe } from './emit/recipe-metadata.js';
import { checkOutput, writeFileWhole } from './emit/write-file.js';
import { evaluate } from './evaluate/evaluate.js';
import { foldModel } from './fold/fold-model.js';
import { verifyFold } from './fold/verify-fold.js';
import { loadModel } from './load/load-model.js';
import { withOriginal } from './load/with-original.js';
import type { InspectOptions, QuantizeOptions } from './options.js';
import { place, refuseEmpty } from './place/place.js';
import { observedValues } from './place/placement.js';
import { encodeModel } from './proto/encode.js';
import { buildPlan } from './quantize/build-plan.js';
import { schemes } from './quantize/schemes/schemes.js';
import { recipeName, resolveRecipe } from './recipe.js';
import { describePlan } from './report/describe-plan.js';
import type { Inspection } from './report/inspection.js';
import { makeResult } from './report/make-result.js';
import type { Result } from './report/result.js';

/**
 * The main job: a float model in, a QDQ model out, the drift between the two measured.
 *
 * @throws QuantizeError for whatever the user can mend; every existing file is then as it was
 */
export async function quantize(options: QuantizeOptions): Promise<Result> {
  const started = performance.now();
  const { threads, onStep = () => {} } = options;
  const recipe = resolveRecipe(
    options.recipe,
    { schemes, observers, actSchemes },
    options.data !== undefined,
  );
  const output = options.output ?? outputPath(options.model, recipeName(recipe));
  await checkOutput(options.model, output);

  onStep('load');
  const loaded = await loadModel(options.model);
  const { model } = loaded;
  for (const file of loaded.externalFiles) await checkOutput(file, output);

  onStep('convert');
  // Weights alone are stored in what every opset has.
  if (recipe.actBits !== 'float') convertModel(model, options.model);

  onStep('fold');
  const { fold, samples } = await withOriginal(options.model, threads, async (original) => {
    const reports = await foldModel(model);
    const opened = await openAll(model, options);
    await verifyFold(original, model, opened.evaluation, threads);
    return { fold: reports, samples: opened };
  });

  onStep('place');
  const placement = place(model, recipe, options.model);
  refuseEmpty(placement, options.model);

  onStep('calibrate');
  const statistics = await calibrate(model, observedValues(placement), samples.calibration);

  onStep('quantize');
  const plan = buildPlan({ model, recipe, placement, statistics, observers, actSchemes, schemes });

  onStep('emit');
  const emitted = emitModel(model, plan);
  addRecipe(emitted.model, recipe);
  const quantizedBytes = encodeModel(emitted.model);
  await checkModel(quantizedBytes, emitted.model, await firstFeed(samples.evaluation));

  onStep('evaluate');
  const evaluation = await evaluate(
    { floatPath: options.model, quantizedBytes, folded: model, placement, emitted },
    samples,
    threads,
  );
  await writeFileWhole(output, quantizedBytes);

  onStep('report');
  const sizeBytes = quantizedBytes.byteLength;
  const quantized = { path: output, bytes: quantizedBytes, sizeBytes, model: emitted.model };
  const elapsedMs = performance.now() - started;
  return makeResult({ plan, float: loaded, quantized, fold, samples, evaluation, elapsedMs });
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
    plan: describePlan(model.graph, placement),
  };
}

/** `model.onnx` → `model.minmax-w8a8.onnx`, in the same folder. */
function outputPath(model: string, recipe: string): string {
  return join(dirname(model), `${basename(model).replace(/\.onnx$/i, '')}.${recipe}.onnx`);
}
