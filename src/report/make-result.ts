import { basename } from 'node:path';
import type { SampleSource } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import type { Samples } from '../calibrate/samples.js';
import { oldestRuntime } from '../emit/runtime-support.js';
import type { Distribution } from '../evaluate/distribution.js';
import type { Evaluation } from '../evaluate/evaluate.js';
import type { InputFit } from '../evaluate/first-norms.js';
import type { HalfRecord } from '../evaluate/half-cost.js';
import { formOf } from '../evaluate/model-form.js';
import type { LayerOrigin, Suggestion } from '../evaluate/origin.js';
import type { PassReport } from '../fold/fold-model.js';
import { type Model, opsetOf } from '../graph/model.js';
import type { ReportedPlan } from '../quantize/plan.js';
import { describeMachine } from '../runtime/machine.js';
import { type Provider, runtimeVersion } from '../runtime/session.js';
import type { KeptBoxes } from '../search/keep-boxes.js';
import type { SearchRecord } from '../search/record.js';
import type { SpeedTuning } from '../search/tune-speed.js';
import { tool } from '../version.js';
import { describeActivations } from './describe-activations.js';
import { describeNetwork } from './describe-network.js';
import { describePlan } from './describe-plan.js';
import { floatConstantsOf } from './float-constants.js';
import { type DataRecord, type FileRecord, RESULT_VERSION, type Result } from './result.js';
import { searchWarnings } from './search-warnings.js';
import { setRecords, setWarnings } from './set-records.js';
import {
  beyondWarnings,
  boxWarnings,
  chanceWarnings,
  fewSamplesWarning,
  fitWarnings,
  joinWarnings,
  nonFiniteWarnings,
  portableWarnings,
  widenedWarnings,
} from './trust-warnings.js';
import { warningsOf } from './warnings.js';

/** A model, and the file that it was read from or written to. */
export interface ModelFile {
  readonly path: string;
  /** Of the .onnx file. */
  readonly sha256: string;
  /** With what its tensors take in other files. */
  readonly sizeBytes: number;
  readonly model: Model;
  /** Whether its 16-bit floats became float32. */
  readonly isWidened?: boolean;
}

/** What a run made, for its record. */
export interface RunOutcome {
  readonly plan: ReportedPlan;
  /** The float model, folded by now; size and hash are those of its file. */
  readonly float: ModelFile;
  readonly quantized: ModelFile;
  readonly fold: readonly PassReport[];
  readonly samples: Samples;
  /** Undefined where there are no real samples, or too little memory to look. */
  readonly fit: InputFit | undefined;
  /** What the user said of how samples become inputs; undefined without a word. */
  readonly preparation: string | undefined;
  /** Undefined where activations stay in float, or their ranges are found at every run. */
  readonly statistics: Statistics | undefined;
  readonly evaluation: Evaluation;
  readonly distributions: readonly Distribution[];
  /** The command that does the same. */
  readonly reproduce: string | null;
  readonly origins: readonly LayerOrigin[];
  readonly suggestions: readonly Suggestion[];
  /** Undefined where bits and schemes were given. */
  readonly search: SearchRecord | undefined;
  /** Undefined where no layer stays in float for the sake of boxes. */
  readonly boxes: KeptBoxes | undefined;
  /** Undefined where nothing is written in float16. */
  readonly float16: HalfRecord | undefined;
  /** Undefined where nothing was tuned. */
  readonly tuning: SpeedTuning | undefined;
  readonly provider: Provider | undefined;
  readonly elapsedMs: number;
  /** When the run ended. */
  readonly at: Date;
  /** The names of classes by number; undefined where none were given. */
  readonly classNames: readonly string[] | undefined;
  /** What `--metric` was given. */
  readonly metric: string | undefined;
}

const WIDENED =
  'The float model holds 16-bit floats: what is not quantized keeps them, but for what stands between integer layers, which computes in float32 with constants of 16 bits.';

/** The record of a run, version 2. */
export function makeResult(run: RunOutcome): Result {
  const { float, quantized, samples, statistics, evaluation, provider = 'cpu' } = run;
  const { recipe } = run.plan;
  const { outputs, task, metrics, layers, mistakes, portable, speed } = evaluation;
  const machine = describeMachine();
  const activations = describeActivations(run.plan);
  const plan = describePlan(float.model.graph, run.plan.placement, recipe, run.plan.raisedChannels);
  const layerIds = new Set(plan.layers.map(({ id }) => id));
  const forms = { float: formOf(float.model), quantized: formOf(quantized.model) };
  const observed = {
    recipe,
    machine,
    plan,
    outputs,
    evaluationKind: samples.kind,
    activations,
    forms,
  };
  return {
    schemaVersion: RESULT_VERSION,
    tool,
    runtime: { name: 'onnxruntime', version: runtimeVersion, provider },
    machine,
    command: 'quantize',
    recipe,
    float: { ...fileRecord(float), irVersion: float.model.irVersion, opset: opsetOf(float.model) },
    quantized: { ...fileRecord(quantized), oldestRuntime: oldestRuntime(quantized.model) },
    calibration:
      recipe.activations.kind === 'dynamic' ? null : calibrationRecord(samples.calibration, statistics),
    evaluation: { ...dataRecord(samples.evaluation), kind: samples.kind },
    comparison: null,
    fold: run.fold,
    plan,
    activations,
    outputs,
    task: task ?? null,
    portable,
    metric: run.metric === undefined ? null : basename(run.metric),
    metrics,
    sets: setRecords(samples, evaluation),
    layers,
    refinements: run.plan.refinements,
    origins: run.origins,
    suggestions: run.suggestions,
    search: run.search ?? null,
    boxes: run.boxes ?? null,
    float16: run.float16 ?? null,
    distributions: run.distributions,
    mistakes,
    gates: [],
    baseline: null,
    reproduce: run.reproduce,
    warnings: [
      ...(float.isWidened ? [WIDENED] : []),
      ...sampleWarnings(samples),
      ...unheldWarnings(samples),
      ...(run.fit ? fitWarnings(run.fit, run.preparation) : []),
      ...chanceWarnings(task),
      ...setWarnings(samples, evaluation),
      ...beyondWarnings(evaluation.beyond),
      ...nonFiniteWarnings(recipe, run.plan, evaluation.nonFinite),
      ...portableWarnings(portable, evaluation, recipe),
      ...widenedWarnings(run.plan),
      ...boxWarnings(run.boxes),
      ...joinWarnings(float.model.graph, run.plan, run.suggestions),
      ...searchWarnings(run.search),
      ...warningsOf({
        ...observed,
        weightBytes: run.plan.weightBytes,
        sizes: { floatBytes: float.sizeBytes, quantizedBytes: quantized.sizeBytes },
        floatConstants: floatConstantsOf(float.model.graph, quantized.model.graph, layerIds),
        passes: run.fold.map(({ pass }) => pass),
        hasSamples: samples.calibration !== undefined,
        isRefined: run.plan.refinements.length > 0,
      }),
    ],
    pictures: evaluation.pictures,
    history: [],
    classNames: run.classNames ?? null,
    network: describeNetwork(float.model.graph, layerIds),
    timing: {
      speed,
      ...(run.tuning && { tuning: run.tuning }),
      elapsedMs: run.elapsedMs,
      at: run.at.toISOString(),
    },
  };
}

/** The samples behind the activation ranges, whether they were seen in this run or come from a file. */
function calibrationRecord(
  source: SampleSource | undefined,
  statistics: Statistics | undefined,
): DataRecord | null {
  if (source) return dataRecord(source);
  if (!statistics) return null;
  const { data, samples, preprocess } = statistics;
  return { label: data, samples, preprocess };
}

/** The calibration samples may be those that are measured on, too. */
function sampleWarnings({ calibration, evaluation, kind }: Samples): string[] {
  const few = [
    ...fewSamplesWarning('calibration', calibration?.length ?? 0),
    ...fewSamplesWarning('evaluation', kind === 'evaluation' ? evaluation.length : 0),
  ];
  return [...new Set([...(calibration?.warnings ?? []), ...(evaluation.warnings ?? []), ...few])];
}

/** Outputs that no typed array holds. */
export const unheldWarnings = ({ unheld = [] }: Samples): string[] =>
  unheld.map(
    ({ name, kind }) => `Output "${name}" (${kind}) is not compared: JavaScript has no array of its kind.`,
  );

/** The record of a file. */
export function fileRecord({ path, sha256, sizeBytes }: ModelFile): FileRecord {
  return { name: basename(path), sizeBytes, sha256 };
}

/** The record of samples. */
export function dataRecord({ label, length, preprocess }: SampleSource): DataRecord {
  return { label, samples: length, preprocess };
}
