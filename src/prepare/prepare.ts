import { basename, dirname, join } from 'node:path';
import type { CalibrationSettings } from '../calibrate/calibrate.js';
import { noSamples, openAll, type Samples } from '../calibrate/samples.js';
import type { Watch } from '../calibrate/watch.js';
import { convertModel } from '../convert/convert-model.js';
import { QuantizeError } from '../errors.js';
import { foldModel } from '../fold/fold-model.js';
import type { FoldedForm } from '../fold/folded-form.js';
import { referenceOf, verifyFold } from '../fold/verify-fold.js';
import { fedInputs, type Model, opsetOf } from '../graph/model.js';
import type { Limits } from '../load/limits.js';
import { loadModel } from '../load/load-model.js';
import { withOriginal } from '../load/with-original.js';
import type { CalibrateOptions, DataOptions, MachineOptions, QuantizeOptions, RunHooks } from '../options.js';
import { hashModel } from '../proto/hash.js';
import type { MadeFrom } from '../quantize/provenance.js';
import { formatBytes } from '../report/format.js';
import { checkProvider } from '../runtime/session.js';
import { beyondHalf } from './beyond-half.js';
import { checkModel, checkOutputs, filesRead } from './check-files.js';
import type { Refining } from './planner.js';

/** How a run prepares its model. */
export interface Preparation {
  /** The files that will be written. */
  readonly outputs: readonly string[];
  /** What the recipe asks of the folded model. */
  readonly form: FoldedForm;
  /** Looks at the folded model before anything is run; throws where there is nothing to do. */
  readonly check: (folded: Model) => void;
  /** Whether what stays float may be written in float16. */
  readonly isHalf: boolean;
  /** Whether the run goes on without a measurement where there are no samples, and no random input runs. */
  readonly mayGoUnmeasured?: boolean;
  readonly watch: Watch;
  readonly limits: Limits;
}

/** The steps before the plan: load → convert → fold, the samples opened and the folded model verified on them. */
export async function prepare(
  options: QuantizeOptions | CalibrateOptions,
  { outputs, form, check, isHalf, mayGoUnmeasured = false, watch, limits }: Preparation,
) {
  const { threads, provider } = options;
  if (provider) checkProvider(provider);
  await checkModel(options.model);
  await checkOutputs(outputs, filesRead(options));

  await watch.begin('load');
  const { set, shapes } = options;
  const loaded = await loadModel(options.model, limits.heldBytes, { set, shapes });
  const { model } = loaded;
  watch.detail(`${options.model}, ${formatBytes(loaded.sizeBytes)}, opset ${opsetOf(model)}`);
  const isLarge = loaded.sizeBytes >= limits.largeBytes;
  await checkOutputs(outputs, loaded.externalFiles);

  // The same wherever its tensors stand; folding changes it in place.
  const float = hashModel(model);

  await watch.begin('convert');
  if (form.isConverted) convertModel(model, options.model);

  await watch.begin('fold');
  // Of the original: folding drops constants that an old model lists as inputs.
  const inputs = fedInputs(model.graph);
  const fold = await foldModel(model, form);
  for (const { summary, changes } of fold) watch.detail(`${summary} (${changes})`);
  check(model);

  // One session of a float model at a time is in memory.
  const { reference, samples } = await withOriginal(loaded, threads, async (original) => {
    const unheld = original.unheldOutputs;
    if (original.outputNames.length === 0) {
      const outputs = unheld.map(({ name, kind }) => `"${name}" (${kind})`).join(', ');
      throw new QuantizeError('no-output-held', { path: options.model, outputs });
    }
    const opened = await openAll({ ...model, graph: { ...model.graph, inputs } }, options, (feed) =>
      original.run(feed),
    ).catch((thrown) => {
      if (mayGoUnmeasured && isUnrunnable(thrown, options)) return noSamples;
      throw thrown;
    });
    const calibration = watch.stoppable(opened.calibration);
    const evaluation = watch.stoppable(opened.evaluation);
    const otherSets = opened.otherSets?.map((set) => ({ ...set, source: watch.stoppable(set.source) }));
    const training = opened.training && {
      ...opened.training,
      source: watch.stoppable(opened.training.source),
    };
    return {
      samples: { ...opened, unheld, calibration, evaluation, otherSets, training },
      reference: await referenceOf(original, evaluation),
    };
  });
  await verifyFold(reference, model, threads);
  if ((isHalf || model.wasNarrow) && samples.kind !== 'none') {
    const machine = { threads, provider };
    model.beyondHalf = await beyondHalf(model, samples.calibration ?? samples.evaluation, machine);
  }
  const madeFrom: MadeFrom = { float, samples: samples.calibration?.length, seed: options.seed };
  return { loaded, madeFrom, model, isLarge, fold, samples };
}

/** Whether no random input runs, and none is needed: texts are not made up either. */
function isUnrunnable(thrown: unknown, { data, evalData, evalSets }: DataOptions): boolean {
  if (!(thrown instanceof QuantizeError)) return false;
  const isGiven = [data, evalData, evalSets].some((given) => given !== undefined);
  return thrown.code === 'synthetic-failed' || (thrown.code === 'input-unsupported' && !isGiven);
}

/** What plans are refined with. */
export function refiningOf(
  { seed = 0, maxMemory }: MachineOptions & Pick<DataOptions, 'seed'>,
  { calibration, training }: Pick<Samples, 'calibration' | 'training'>,
  watch: Watch,
): Refining {
  const { pause, progress } = watch;
  const maxMemoryBytes = maxMemory === undefined ? undefined : maxMemory * 2 ** 20;
  const begin = (step: string) => watch.begin(step);
  return { source: calibration, training, seed, maxMemoryBytes, pause, progress, begin };
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

/** `model.onnx` → `model.<suffix>`, in the same folder. */
export function besideModel(model: string, suffix: string): string {
  return join(dirname(model), `${basename(model).replace(/\.onnx$/i, '')}.${suffix}`);
}
