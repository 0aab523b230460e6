import { join } from 'node:path';
import type { Preprocess } from '../../calibration/preprocess.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Outputs } from '../calibrate/kept-outputs.js';
import { firstFeed, type NamedSamples, type Samples } from '../calibrate/samples.js';
import type { EmittedModel } from '../emit/emit-model.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import { withScratch } from '../load/temporary.js';
import type { MachineOptions } from '../options.js';
import type { Placement } from '../place/placement.js';
import { type SessionSettings, withSession } from '../runtime/session.js';
import { type Adapter, adaptRunner, convertFeed } from './adapted-runner.js';
import { BeyondMeter, type BeyondRange, type SeenRanges } from './beyond-ranges.js';
import { classAxes, type GivenClassAxes } from './class-axes.js';
import { type ComparedLayers, compareLayers, type ExactOutputs, type LayerDrift } from './compare-layers.js';
import {
  type ComparedSessions,
  compareOutputs,
  EXACT_SAMPLES,
  type OutputDrift,
  type TaskAccuracy,
  UNOPTIMIZED_SAMPLES,
} from './compare-outputs.js';
import { layerPairs } from './layer-pairs.js';
import { foldedAndOriginal, measureSpeed, type Speed } from './measure-speed.js';
import { type Mistake, MistakeCollector } from './mistake.js';
import { measurePortable, type PortableDrift } from './portable.js';
import { type Runner, record, recording, replayOf } from './recording.js';
import type { TaskPicture } from './tasks/picture.js';
import type { Meter, UserMetric } from './user-metric.js';
import { withDeployed } from './with-deployed.js';

/** Float against quantized. */
export interface Evaluation {
  readonly outputs: readonly OutputDrift[];
  readonly task: TaskAccuracy | undefined;
  readonly metrics: readonly UserMetric[];
  /** The same three on the sets of samples that stand beside; empty without any. */
  readonly otherSets: readonly SetEvaluation[];
  /** Samples with what a task found in them. */
  readonly pictures: readonly TaskPicture[];
  readonly layers: readonly LayerDrift[];
  /** Inputs and results of layers that go beyond what the calibration samples held, the largest share first. */
  readonly beyond: readonly BeyondRange[];
  /** Share of the elements that the codes clip, of inputs and results of layers on the samples measured on. */
  readonly saturated: ReadonlyMap<string, number>;
  /** Inputs and results of layers that are not finite in the float model. */
  readonly nonFinite: readonly { readonly name: string; readonly elements: number }[];
  /** Empty without labels. */
  readonly mistakes: readonly Mistake[];
  /** What the file gives on x86 without VNNI; null where that is the same, or nothing ran. */
  readonly portable: PortableDrift | null;
  /** Null where nothing ran. */
  readonly speed: Speed | null;
}

/** What is measured on each of several sets of samples. */
export interface SetEvaluation {
  readonly name: string;
  readonly source: SampleSource;
  readonly outputs: readonly OutputDrift[];
  readonly task: TaskAccuracy | undefined;
  readonly metrics: readonly UserMetric[];
}

/** What is known of a model that nothing could be run on. */
export const unmeasured: Evaluation = {
  ...{
    outputs: [],
    task: undefined,
    metrics: [],
    otherSets: [],
    pictures: [],
    layers: [],
    beyond: [],
    saturated: new Map(),
    nonFinite: [],
    mistakes: [],
    portable: null,
    speed: null,
  },
};

/** How the comparison runs. */
export interface EvaluationSettings extends MachineOptions {
  /** Wraps the samples of the longest part, to tell how far it is. */
  readonly withProgress?: (source: SampleSource) => SampleSource;
  /** How pixels became inputs, so that samples can be shown as they were. */
  readonly preprocess?: Preprocess | undefined;
  /** Makes the meter of the user's own metric, for each set of samples. */
  readonly makeMetric?: (() => Promise<Meter>) | undefined;
  /** What the calibration samples held, by value. */
  readonly ranges?: SeenRanges | undefined;
  /** Where outputs have classes, as the user says. */
  readonly classesAxis?: GivenClassAxes | undefined;
  /** Whether top-1 was asked for by a limit on it. */
  readonly mayRank?: boolean | undefined;
}

/** The models that are compared. */
export interface EvaluatedModels {
  /** The file that the user gave: its path, or its bytes where the runtime takes it in another version alone. */
  readonly floatFile: string | Uint8Array;
  /** What the folded model gave of all samples, where they were run for another purpose. */
  readonly floatOutputs?: readonly Outputs[] | undefined;
  /** The bytes of its .onnx file, or its path. */
  readonly quantized: Uint8Array | string;
  readonly folded: Model;
  readonly placement: Placement;
  readonly emitted: EmittedModel;
  /** Whether only one model may be loaded at a time, since each takes much memory. */
  readonly inTurn?: boolean;
  /** Whether its weights were made such that no sum of an integer kernel saturates. */
  readonly isPortable?: boolean;
}

/** Two files, and the values in them whose drift is measured layer by layer. */
export interface ComparedFiles {
  readonly floatFile: string | Uint8Array;
  /** The bytes of the .onnx file, or its path. */
  readonly quantized: Uint8Array | string;
  readonly layers: ComparedLayers;
  /** The float model's outputs for all samples, where they are known. */
  readonly floatRuns?: readonly Outputs[] | undefined;
  /** The outputs of the float model that are compared; all of them by default. */
  readonly floatOutputs?: Adapter | undefined;
  /** How the quantized model is run with the float one's inputs; as it is by default. */
  readonly adapter?: Adapter | undefined;
  /**
   * How the quantized model runs as its graph states it: `exact` by default, which computes what is between Q and DQ in
   * float; `disabled` for a model of other operators, which has nothing of that kind.
   */
  readonly exactMode?: 'exact' | 'disabled' | undefined;
  readonly inTurn?: boolean | undefined;
  readonly isPortable?: boolean | undefined;
  /** Whether the float model of the layers is the file's, folded. */
  readonly isFolded?: boolean | undefined;
}

/**
 * Run the float and the quantized model over the samples: drift of each output and each layer, accuracy, speed.
 *
 * @throws QuantizeError where labels are given, no output holds class scores, and no metric takes them
 */
export async function evaluate(
  models: EvaluatedModels,
  samples: Samples,
  settings: EvaluationSettings = {},
): Promise<Evaluation> {
  const { floatFile, floatOutputs: floatRuns, quantized, folded, placement, emitted } = models;
  const { inTurn, isPortable } = models;
  const { model, pairs } = layerPairs(placement, emitted);
  const layers = { float: folded, quantized: model, pairs };
  return evaluateFiles(
    { floatFile, floatRuns, quantized, layers, inTurn, isPortable, isFolded: true },
    samples,
    settings,
  );
}

/** The same for two files, whoever made them. */
export async function evaluateFiles(
  files: ComparedFiles,
  samples: Samples,
  settings: EvaluationSettings = {},
): Promise<Evaluation> {
  const {
    floatFile,
    quantized,
    layers,
    floatOutputs,
    adapter,
    inTurn = false,
    isPortable = false,
    isFolded,
  } = files;
  const { threads, provider, withProgress = (source) => source, preprocess, ranges } = settings;
  const metric = await settings.makeMetric?.();
  const machine = { threads, provider };
  const collector = samples.labels && new MistakeCollector(samples.labels, samples.evaluation, preprocess);
  const outside = new BeyondMeter(ranges ?? new Map());
  const { layerDrift, compared } = await withScratch(async (folder) => {
    const { drift: layerDrift, exact } = await layersAndExact(files, samples.evaluation, {
      ...{ machine, outside, file: join(folder, 'layers') },
    });
    const classes = classesOf(files, samples.labels, settings);
    const watchers = { labels: samples.labels, metric, watch: collector?.see, classes };
    const compared = await withRunners(files, samples.evaluation, { machine, exact, folder }, (sessions) =>
      compareOutputs(withProgress(samples.evaluation), sessions, watchers),
    );
    return { layerDrift, compared };
  });
  const { outputs, task } = compared;
  refuseUngraded(samples.labels, compared, metric);
  const otherSets: SetEvaluation[] = [];
  for (const set of samples.otherSets ?? []) otherSets.push(await evaluateSet(files, set, settings));
  const feed = await firstFeed(samples.evaluation);
  const quantizedFeed = adapter ? convertFeed(feed, adapter) : feed;
  const { evaluation: source, labels } = samples;
  const portable = isPortable
    ? null
    : await measurePortable(
        { floatFile, quantized: layers.quantized, floatOutputs, adapter, source, labels, inTurn },
        machine,
      );
  const judged = isFolded && !inTurn ? foldedAndOriginal(layers.float, floatFile) : { float: floatFile };
  const speed = await measureSpeed({ ...judged, quantized }, feed, machine, inTurn, quantizedFeed);
  return {
    outputs,
    task,
    metrics: (await metric?.result()) ?? [],
    otherSets,
    pictures: (await metric?.pictures?.(samples.evaluation, preprocess)) ?? [],
    layers: layerDrift,
    beyond: outside.beyond,
    saturated: outside.saturated,
    nonFinite: outside.nonFinite,
    mistakes: (await collector?.mistakes()) ?? [],
    portable,
    speed,
  };
}

/** One more set of samples: what depends on the samples alone. */
async function evaluateSet(
  files: ComparedFiles,
  { name, source, labels }: NamedSamples,
  settings: EvaluationSettings,
): Promise<SetEvaluation> {
  const { threads, provider, makeMetric, withProgress = (given) => given } = settings;
  const metric = await makeMetric?.();
  // What is known of the float model is of the main samples.
  const own = { ...files, floatRuns: undefined };
  const compared = await withScratch((folder) =>
    withRunners(own, source, { machine: { threads, provider }, folder }, (sessions) =>
      compareOutputs(withProgress(source), sessions, {
        ...{ labels, metric, classes: classesOf(files, labels, settings) },
      }),
    ),
  );
  refuseUngraded(labels, compared, metric);
  return { name, source, ...compared, metrics: (await metric?.result()) ?? [] };
}

const classesOf = (
  { layers }: ComparedFiles,
  labels: readonly number[] | undefined,
  { classesAxis: given, mayRank }: EvaluationSettings,
) => classAxes(layers.float.graph, { given, mayRank, hasLabels: labels !== undefined });

/** A metric may take labels that are no classes of an output: events, for example. */
function refuseUngraded(
  labels: readonly number[] | undefined,
  { outputs, task }: Pick<SetEvaluation, 'outputs' | 'task'>,
  metric: Meter | undefined,
): void {
  if (!labels || task || metric) return;
  throw new QuantizeError('labels-need-classes', { outputs: outputs.map(({ name }) => name).join(', ') });
}

/** What the exact session gave of some samples' outputs. */
interface ExactRuns {
  readonly runner: Runner;
  readonly samples: number;
}

/** The drift of the layers, and what the same session gave of the outputs where it is the one that states them. */
async function layersAndExact(
  { layers, adapter, exactMode = 'exact', inTurn }: ComparedFiles,
  source: SampleSource,
  { machine, outside, file }: { machine: MachineOptions; outside: BeyondMeter; file: string },
): Promise<{ drift: LayerDrift[]; exact: ExactRuns | undefined }> {
  let drift: LayerDrift[] = [];
  let samples = 0;
  const isShared = exactMode === 'exact' && layers.pairs.length > 0;
  const names = layers.quantized.graph.outputs.map(({ name }) => name);
  const kept = await recording(file, names, async (keep) => {
    const outputs: ExactOutputs = {
      most: EXACT_SAMPLES,
      keep: (values, count) => {
        keep(values);
        samples += count;
      },
    };
    const shared = isShared ? outputs : undefined;
    drift = await compareLayers(source, layers, { machine, inTurn, adapter, outside, outputs: shared });
  });
  return { drift, exact: isShared ? { runner: adaptRunner(kept.replay(), adapter), samples } : undefined };
}

/**
 * The sessions of a comparison. What runs on a few samples alone is recorded first and released; where only one model
 * may be loaded at a time, so is everything but the deployed session.
 */
async function withRunners<T>(
  files: ComparedFiles,
  source: SampleSource,
  {
    machine,
    exact: found,
    folder,
  }: { machine: MachineOptions; exact?: ExactRuns | undefined; folder: string },
  work: (sessions: ComparedSessions) => Promise<T>,
): Promise<T> {
  const { floatFile, floatRuns, quantized, floatOutputs, adapter, exactMode = 'exact', inTurn } = files;
  const models = {
    float: { file: floatFile, adapter: floatOutputs, label: 'the float model' },
    quantized: { file: quantized, adapter, label: 'the quantized model' },
  };
  type Side = keyof typeof models;
  const settingsOf = (side: Side, mode: SessionSettings['mode']) => ({
    ...machine,
    mode,
    label: models[side].label,
  });
  const recorded = (side: Side, mode: SessionSettings['mode'], samples?: number, name: string = mode) =>
    withSession(models[side].file, settingsOf(side, mode), (session) =>
      record(adaptRunner(session, models[side].adapter), source, join(folder, `${side}-${name}`), samples),
    );
  const compared = (others: Omit<ComparedSessions, 'deployed' | 'branches'>) =>
    withDeployed(files, settingsOf('quantized', 'default'), (deployed) => work({ ...others, ...deployed }));
  const unoptimized = {
    float: await recorded('float', 'disabled', UNOPTIMIZED_SAMPLES),
    quantized: await recorded('quantized', 'disabled', UNOPTIMIZED_SAMPLES),
    // What is known of the float model was run without its users' optimizations.
    optimizedFloat: floatRuns && (await recorded('float', 'default', UNOPTIMIZED_SAMPLES)),
  };
  const exact = found?.runner ?? (await recorded('quantized', exactMode, EXACT_SAMPLES, 'exact'));
  const few = { exact, exactSamples: found?.samples, unoptimized };
  if (inTurn || floatRuns) {
    const float = floatRuns ? replayOf(floatRuns) : await recorded('float', 'default');
    return compared({ ...few, float });
  }
  return withSession(floatFile, settingsOf('float', 'default'), (session) =>
    compared({ ...few, float: adaptRunner(session, floatOutputs) }),
  );
}
