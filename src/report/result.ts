import type { Samples } from '../calibrate/samples.js';
import type { LayerDrift } from '../evaluate/compare-layers.js';
import type { OutputDrift, TaskAccuracy } from '../evaluate/compare-outputs.js';
import type { Distribution } from '../evaluate/distribution.js';
import type { HalfRecord } from '../evaluate/half-cost.js';
import type { Speed } from '../evaluate/measure-speed.js';
import type { Mistake } from '../evaluate/mistake.js';
import type { ModelForm } from '../evaluate/model-form.js';
import type { LayerOrigin, Suggestion } from '../evaluate/origin.js';
import type { PortableDrift } from '../evaluate/portable.js';
import type { TaskPicture } from '../evaluate/tasks/picture.js';
import type { UserMetric } from '../evaluate/user-metric.js';
import type { PassReport } from '../fold/fold-model.js';
import type { BaselineRecord, GateOutcome } from '../gate/outcome.js';
import type { RefinementRecord } from '../quantize/plan.js';
import type { Recipe } from '../recipe.js';
import type { Machine } from '../runtime/machine.js';
import type { KeptBoxes } from '../search/keep-boxes.js';
import type { SearchRecord } from '../search/record.js';
import type { SpeedTuning } from '../search/tune-speed.js';
import type { ActivationRecord } from './describe-activations.js';
import type { NetworkNode } from './describe-network.js';
import type { PlanDescription } from './describe-plan.js';
import type { HistoryPoint } from './history-point.js';

/** Version of the result record. */
export const RESULT_VERSION = 4;

/** A model file. */
export interface FileRecord {
  /** The file's name, without its folder. */
  readonly name: string;
  /** With what its tensors take in other files. */
  readonly sizeBytes: number;
  /** Of the .onnx file alone. */
  readonly sha256: string;
}

/** Samples that were used, and what for. */
export interface DataRecord {
  readonly label: string;
  readonly samples: number;
  readonly preprocess: string;
}

/** What was measured on one of several sets of samples. */
export interface SetRecord extends DataRecord {
  readonly name: string;
  readonly outputs: readonly OutputDrift[];
  readonly task: TaskAccuracy | null;
  readonly metrics: readonly UserMetric[];
}

/** What only a comparison of two given models has to tell. */
export interface ComparisonRecord {
  readonly floatForm: ModelForm;
  readonly quantizedForm: ModelForm;
  /** Layers of the float model: those that were found in the other are in `layers`, each with how it was found. */
  readonly layers: number;
  /** What a reader of the numbers should know: inputs that were converted, outputs by order, outputs left out. */
  readonly notes: readonly string[];
}

/** The record of one run: every report shows this and nothing else. Times stand in `timing` alone. */
export interface Result {
  readonly schemaVersion: typeof RESULT_VERSION;
  readonly tool: { readonly name: string; readonly version: string };
  /** `provider` is where models ran for calibration and evaluation. */
  readonly runtime: { readonly name: string; readonly version: string; readonly provider: string };
  readonly machine: Machine;
  /** What made the record. */
  readonly command: 'quantize' | 'compare';
  /** Null where two given models were compared, and the quantized one does not carry its recipe. */
  readonly recipe: Recipe | null;
  readonly float: FileRecord & { readonly irVersion: number; readonly opset: number };
  readonly quantized: FileRecord & { readonly oldestRuntime: string | null };
  /** Null where weights alone are quantized. */
  readonly calibration: DataRecord | null;
  /**
   * `kind` says how much the drift means: labelled or unseen samples, those of the calibration, or random input; `none`
   * where no random input ran, and nothing was measured.
   */
  readonly evaluation: DataRecord & { readonly kind: Samples['kind'] };
  /** Null where the run made the quantized model itself. */
  readonly comparison: ComparisonRecord | null;
  readonly fold: readonly PassReport[];
  readonly plan: PlanDescription;
  /** The numbers of the activations; none where they stay in float. */
  readonly activations: readonly ActivationRecord[];
  readonly outputs: readonly OutputDrift[];
  readonly task: TaskAccuracy | null;
  /**
   * What the file gives on x86 without VNNI, whose kernels add two products in int16: computed, whatever machine this is.
   * Null where no such sum can saturate, so that it gives the same everywhere, or nothing ran.
   */
  readonly portable: PortableDrift | null;
  /** The task or the module of `--metric`; null without one. */
  readonly metric: string | null;
  /** What it gave. */
  readonly metrics: readonly UserMetric[];
  /** Several sets of samples, the first of which all else is measured on; empty where there is one alone. */
  readonly sets: readonly SetRecord[];
  readonly layers: readonly LayerDrift[];
  /** Where the drift comes from, layer by layer; empty where that was not asked for. */
  /** What refiners did, in their order; empty where none ran. */
  readonly refinements: readonly RefinementRecord[];
  readonly origins: readonly LayerOrigin[];
  /** What mends the worst layers, and what it costs. */
  readonly suggestions: readonly Suggestion[];
  /** How bits and schemes were chosen; null where they were given. */
  readonly search: SearchRecord | null;
  /** Layers of a detector that stay in float for the sake of its boxes, as was measured; null where none does. */
  readonly boxes: KeptBoxes | null;
  /** What is written in float16, and what that alone costs; null where nothing is. */
  readonly float16: HalfRecord | null;
  /** Weights and activations of the worst layers, with their levels. */
  readonly distributions: readonly Distribution[];
  /** Samples that float gets right and the quantized model wrong. */
  readonly mistakes: readonly Mistake[];
  readonly gates: readonly GateOutcome[];
  readonly baseline: BaselineRecord | null;
  /** The command that makes it again, files by their names alone; null where it is not known. */
  readonly reproduce: string | null;
  /** What a user should know before trusting the numbers. */
  readonly warnings: readonly string[];
  /** Samples with what the task of `--metric` found in them; empty for a metric that draws nothing. */
  readonly pictures: readonly TaskPicture[];
  /** Earlier runs of the same models, the oldest first; empty without --history. */
  readonly history: readonly HistoryPoint[];
  /** The names of classes by number; null where none were given. */
  readonly classNames: readonly string[] | null;
  /** Layers and where their inputs come from, in topological order; empty where there are too many to draw. */
  readonly network: readonly NetworkNode[];
  /**
   * `speed` is null where nothing ran, `tuning` is there with --tune-speed; `at` is when the run ended, ISO 8601 in UTC.
   */
  readonly timing: {
    readonly speed: Speed | null;
    readonly tuning?: SpeedTuning;
    readonly elapsedMs: number;
    readonly at: string;
  };
}
