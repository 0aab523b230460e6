import { basename, dirname, join } from 'node:path';
import { preprocessOf } from '../../calibration/given-preprocess.js';
import { rangeOfPixels } from '../../calibration/preprocess.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import { findRanges, noRanges } from '../calibrate/find-ranges.js';
import { Watch } from '../calibrate/watch.js';
import { emitPlan } from '../emit/emit-plan.js';
import { planOf, readPlanFile } from '../emit/plan-file.js';
import { readProvenance, readRecipe } from '../emit/recipe-metadata.js';
import { DATA_NAME, withWritten } from '../emit/write-model.js';
import { QuantizeError } from '../errors.js';
import { modelDifferences } from '../evaluate/model-differences.js';
import { foldedFormOf } from '../fold/folded-form.js';
import type { Model } from '../graph/model.js';
import { defaultLimits, type Limits } from '../load/limits.js';
import { loadAnyModel } from '../load/load-model.js';
import { refuseFailedModules, withUserModules } from '../modules/user-module.js';
import type { VerifyOptions } from '../options.js';
import { place, refuseEmpty } from '../place/place.js';
import { makePlanner } from '../prepare/planner.js';
import { calibrationSettings, prepare, refiningOf } from '../prepare/prepare.js';
import { decodeModel } from '../proto/decode.js';
import type { Provenance } from '../quantize/provenance.js';
import { named, type Recipe, resolveRecipe } from '../recipe.js';
import { refineStages } from '../refine/refine-steps.js';
import { registries } from '../registries.js';
import type { Verification } from '../report/verification.js';
import { metadataKeys } from '../version.js';

/**
 * Make a quantized model again by the recipe in its metadata, and compare the bytes.
 *
 * @throws QuantizeError for whatever the user can mend; that the bytes differ is a result
 */
export function verify(options: VerifyOptions): Promise<Verification> {
  return withUserModules(() => verifyWithin(options, defaultLimits));
}

/** The same, with other sizes at which a model is handled in another way. */
export async function verifyWithin(options: VerifyOptions, limits: Limits): Promise<Verification> {
  const watch = new Watch(options);
  refuseTwoSources(options);
  const found = await loadAnyModel(options.quantized, limits.heldBytes);
  const said = readProvenance(found.model);
  const stored = options.plan === undefined ? undefined : await readPlanFile(options.plan);
  // A plan stands for its recipe; that of the file is then compared like all else.
  const given = readRecipe(found.model) && (stored?.recipe ?? readRecipe(found.model));
  if (!given) throw new QuantizeError('verify-no-recipe', { path: options.quantized });
  const recipe = resolveRecipe(given, registries, true);
  refuseMissing(options, recipe);

  const job = {
    ...options,
    model: options.from,
    // What chose the samples is a part of what the file says of itself.
    seed: options.seed ?? said?.seed,
    samples: options.samples ?? (options.data === undefined ? undefined : said?.samples),
  };
  const { loaded, madeFrom, model, samples, isLarge } = await prepare(job, {
    ...{ outputs: [], form: foldedFormOf(recipe), isHalf: recipe.float16, watch, limits },
    check: (folded) => refuseEmpty(folded, place(folded, recipe, options.from), options.from, recipe),
    mayGoUnmeasured: true,
  });
  await watch.begin('place');
  const placed = { model, path: options.from, recipe, placement: place(model, recipe, options.from) };
  await watch.begin('calibrate');
  const ranges = stored
    ? noRanges
    : await findRanges(placed, {
        stats: options.stats,
        samples: samples.calibration,
        inputRange: options.inputRange ?? rangeOfPixels(preprocessOf(options.preprocess)),
        ...calibrationSettings(options, watch),
      });
  const planner = makePlanner({
    ...{
      model,
      path: options.from,
      ranges,
      keeps: false,
      madeFrom,
      threads: job.threads,
    },
    saved: stored && planOf(stored, placed),
    refining: refiningOf(job, samples, watch),
  });

  const emit = async () => {
    await watch.begin('quantize');
    return emitPlan(model, await planner.plan(recipe));
  };
  const output = outputOf(options.quantized, found.externalFiles);
  return withWritten(emit, { output, onDisk: isLarge, limits }, async (written) => {
    await watch.begin('compare');
    const { source, sha256 } = written;
    const holds = sha256 === found.sha256;
    if (!holds && options.stats !== undefined) refuseRefined(options.quantized, recipe, said);
    const differences = holds ? [] : modelDifferences(await readBack(source), found.model);
    await loaded.refuseChanged();
    await found.refuseChanged();
    await refuseFailedModules();
    return {
      quantized: { path: options.quantized, sha256: found.sha256 },
      from: { path: options.from, sha256: loaded.sha256 },
      holds,
      madeBy: found.model.metadata.get(metadataKeys.tool),
      runtime: said?.runtime,
      differences,
    };
  });
}

/** What was made, as a reader of its file sees it. */
async function readBack(source: Uint8Array | string): Promise<Model> {
  return typeof source === 'string' ? (await loadAnyModel(source)).model : decodeModel(source, 'copies');
}

/** A data file is named after the model that it was written with, and its .onnx file may be called something else by now. */
function outputOf(quantized: string, externalFiles: readonly string[]): string {
  const [stem] = externalFiles.flatMap((file) => DATA_NAME.exec(basename(file))?.[1] ?? []);
  return stem === undefined ? quantized : join(dirname(quantized), `${stem}.onnx`);
}

function refuseTwoSources({ data, stats, plan }: VerifyOptions): void {
  const flags = [
    data !== undefined && '--data',
    stats !== undefined && '--stats',
    plan !== undefined && '--plan',
  ];
  const [first, second] = flags.filter((flag) => flag !== false);
  if (first === undefined || second === undefined || (first === '--data' && second === '--stats')) return;
  const problem = `has no use beside ${second}`;
  throw new QuantizeError('bad-option', { flag: first, problem, mend: 'Leave out one of the two.' });
}

/** Statistics hold no samples, by which a recipe may have refined the weights. */
function refuseRefined(path: string, recipe: Recipe, said: Provenance | undefined): void {
  const given = { samples: said?.samples ?? 0, hasTraining: true };
  if (refineStages(recipe, given).length > 0) throw new QuantizeError('verify-needs-samples', { path });
}

/** A recipe whose activations have fixed ranges needs what they were found on. */
function refuseMissing({ data, stats, plan, quantized }: VerifyOptions, { activations }: Recipe): void {
  if (activations.kind !== 'static' || data !== undefined || stats !== undefined || plan !== undefined)
    return;
  if (named(rangeSources, activations.observer).from === 'batch-norm') return;
  throw new QuantizeError('verify-needs-data', { path: quantized });
}
