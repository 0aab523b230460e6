import type { GivenPreprocess } from '../calibration/given-preprocess.js';
import type { LsqplusConfig } from '../calibration/observers/observer.js';
import type { PictureOptions } from '../calibration/pictures.js';
import type { InputRange } from '../calibration/preprocess.js';
import type { RawFormat } from '../calibration/readers/reader.js';
import type { Shard } from '../calibration/source.js';
import type { GivenRecipe, Granularity, Group, Rescaling } from './recipe.js';
import type { Provider } from './runtime/session.js';

/**
 * One path, or several: `input=path` provides one input of the model, any other path provides the inputs that are not
 * named so; several of those follow one another.
 */
export type Paths = string | readonly string[];

/** Where the samples come from, and how they become inputs. */
export interface DataOptions {
  /** Calibration samples. Without them weights alone are quantized. */
  readonly data?: Paths | undefined;
  /** Samples to measure on; the calibration samples without them. */
  readonly evalData?: Paths | undefined;
  /** The class of each sample to measure on: a .npy or .csv file, or `folders` for images in class folders. */
  readonly labels?: string | undefined;
  /**
   * Further sets of samples to measure on, by names that gates can say: each is measured by itself, and gates hold on the worst.
   * Without `evalData` the first of them is what all else is measured on.
   */
  readonly evalSets?: Readonly<Record<string, EvalSet>> | undefined;
  /** The names of classes: a text file with one a line, or JSON, a list or an object by number. Reports show them. */
  readonly classNames?: string | undefined;
  /**
   * The axis of an output that scores of classes run along, by its name; of all outputs under the empty name. Negative axes
   * count from the end. Without it outputs have classes where the graph says so, by a Softmax or an ArgMax.
   */
  readonly classesAxis?: Readonly<Record<string, number>> | undefined;
  /** How integer samples are normalized and laid out; needed where the model takes floats. */
  readonly preprocess?: GivenPreprocess | undefined;
  /** How image files become the size and colours that the model takes. */
  readonly pictures?: PictureOptions | undefined;
  /** What raw .bin files hold; without it, what the model's input takes. */
  readonly raw?: RawFormat | undefined;
  /** The folder of the tokenizer that text files are read by: its tokenizer.json and tokenizer_config.json. */
  readonly tokenizer?: string | undefined;
  /** Shapes of inputs by name, the batch included, in place of what the model leaves open or states otherwise. */
  readonly shapes?: Readonly<Record<string, readonly number[]>> | undefined;
  /** Inputs that hold one number at every run, by name: they become constants, and what they choose is folded. */
  readonly set?: Readonly<Record<string, number>> | undefined;
  /** Calibrate on at most this many samples, chosen by `seed`. */
  readonly samples?: number | undefined;
  /** Seed of the choice of samples and of synthetic input; 0 by default. */
  readonly seed?: number | undefined;
}

/** A set of samples to measure on, prepared as all others are. */
export interface EvalSet {
  readonly data: Paths;
  /** The class of each sample, as `labels` has it. */
  readonly labels?: string | undefined;
}

/** Samples whose classes are known, for a refiner that learns from them; preprocessed as all others are. */
export interface TrainingOptions {
  readonly trainData?: Paths | undefined;
  /** The class of each: a .npy or .csv file, or `folders` for images in class folders. */
  readonly trainLabels?: string | undefined;
}

/** How far a step is. */
export interface RunProgress {
  readonly step: string;
  readonly done: number;
  readonly total: number;
  /** What is counted; samples where it is not said. */
  readonly unit?: ProgressUnit | undefined;
  /** What of the step is at work: of refinement, the refiner. */
  readonly part?: string | undefined;
  /** Of a training: what its loss is now, the mean of the last steps. */
  readonly loss?: number | undefined;
}

export type ProgressUnit = 'samples' | 'layers' | 'steps';

/** How calibration will run, known before its first run of the model. */
export interface MemoryEstimate {
  /** Passes over the samples, each of which observes a part of the values. */
  readonly passes: number;
  /** Peak memory of the process while it calibrates, in bytes. */
  readonly estimateBytes: number;
}

/** How a run is followed, and stopped. */
export interface RunHooks {
  /** Told when a step begins. */
  readonly onStep?: ((step: string) => void) | undefined;
  /** Told how many samples, layers or steps of a training are done. */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
  /** Told before calibration what memory it will take. */
  readonly onEstimate?: ((estimate: MemoryEstimate) => void) | undefined;
  /** Told what a step did, a line at a time. */
  readonly onDetail?: ((detail: string) => void) | undefined;
  /**
   * Stops the run between two runs of the model: it ends in the QuantizeError `interrupted`, whose cause is the signal's
   * reason, and every existing file is as it was.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Where a run runs. */
export interface MachineOptions {
  /** Threads inside an operator where models are compared; all cores by default. The written file does not depend on it. */
  readonly threads?: number | undefined;
  /** Where models run for calibration and evaluation; the CPU by default, on which bits do not depend on the machine's cores. */
  readonly provider?: Provider | undefined;
  /**
   * What the process may take while it calibrates, in MiB; half of the machine's memory by default. Values are observed
   * in as many passes over the samples as that asks for; the written file does not depend on it.
   */
  readonly maxMemory?: number | undefined;
}

/** What a failing gate does: it makes the run fail, or only says so. */
export const gateLevels = ['error', 'warn'] as const;
export type GateLevel = (typeof gateLevels)[number];

/** A gate as a user writes it; an expression alone is one of level `error`. */
export type GateSpec = string | { readonly gate: string; readonly level?: GateLevel | undefined };

/** Limits on what is measured. The model is written whatever comes of them. */
export interface GateOptions {
  /** As `top1_drop<0.5%`, or `{ gate, level: 'warn' }`; what came of each is in the result. */
  readonly gates?: readonly GateSpec[] | undefined;
  /** A result record saved before, whose main metrics are compared with those of this run. */
  readonly baseline?: string | undefined;
  /** A file of earlier runs, a JSON object a line, which this run is added to; it need not be there yet. */
  readonly history?: string | undefined;
}

/** How bits and schemes are searched for, layer by layer. */
export interface SearchOptions {
  /** The only weight scheme that may be chosen; k-means and mse without it. */
  readonly scheme?: string | undefined;
  /** A file of what candidates do to layers, which `mergeSensitivities` wrote, instead of measuring it. */
  readonly sensitivity?: string | undefined;
}

/** What a run of the main job is asked for. */
export interface QuantizeOptions extends DataOptions, TrainingOptions, MachineOptions, GateOptions, RunHooks {
  /** Path of the float model. */
  readonly model: string;
  /** Files that these options were read from, as a configuration: nothing is written over them. */
  readonly sources?: readonly string[] | undefined;
  /** A statistics file of this model, instead of a calibration; `data` then serves to measure on. */
  readonly stats?: string | undefined;
  /** A plan file of this model, for every number: nothing is calibrated or chosen; `data` then serves to measure on. */
  readonly plan?: string | undefined;
  /**
   * A file of blocks that `reconstruct:inputs=start` is to learn, which `mergeLearned` wrote, instead of learning them. The model is
   * the same.
   */
  readonly learned?: string | undefined;
  /** Where the plan is to be saved: every number that the model is written from, in a safetensors file. */
  readonly savePlan?: string | undefined;
  /** Where the network in integers alone is to be saved, as .json or .npz: int8 weights, int32 biases, M0 and shifts. */
  readonly saveIntegers?: string | undefined;
  /** What the model's inputs can hold, for ranges without samples; from `preprocess` for 8-bit images without it. */
  readonly inputRange?: InputRange | undefined;
  /** Path of the quantized model; by default beside the input, as `model.minmax-w8a8.onnx`. */
  readonly output?: string | undefined;
  /** Paths of reports to write, each in the format that its ending says: .html, .md, .xml (JUnit), .json. */
  readonly reports?: readonly string[] | undefined;
  readonly recipe?: GivenRecipe | undefined;
  /** Measure where the drift comes from: each layer is quantized alone, once for each of its parts. */
  readonly origins?: boolean | undefined;
  /**
   * Find layers that float kernels compute faster on this machine, by timing; they calculate in float, their weights stay in few bits.
   * What is found depends on the machine and its load.
   */
  readonly tuneSpeed?: boolean | undefined;
  /**
   * Try what mends the worst layers, and say what came of it; origins are measured, too. Without a word a little is tried where
   * an output is far off; `false` tries nothing.
   */
  readonly suggest?: boolean | undefined;
  /**
   * Choose bits and scheme of each layer under the `gates` on top1_drop, agreement, sqnr and size; `bits` and `scheme` of the
   * recipe are then chosen, its rules hold. The recipe that was found is written beside the model, as
   * `model.auto.recipe.json`.
   */
  readonly auto?: SearchOptions | undefined;
  /** A task by its name, as `detection`, or a module with a metric of your own; see docs/compare.md. */
  readonly metric?: string | undefined;
}

/** What `measureSensitivities` and `learnPart` are asked for: what the whole run is, and which part. */
export interface SensitivityOptions extends QuantizeOptions {
  /** The part that is measured, or learned. */
  readonly shard: Shard;
}
export type LearningOptions = SensitivityOptions;

/** What `compare` is asked for. */
export interface CompareOptions
  extends Omit<DataOptions, 'data' | 'evalData'>,
    Pick<MachineOptions, 'threads' | 'provider'>,
    GateOptions,
    RunHooks {
  /** Path of the float model. */
  readonly float: string;
  /** Path of the model that is compared with it, whoever made it. */
  readonly quantized: string;
  /** Samples to measure on; seeded random input without them. */
  readonly data?: Paths | undefined;
  /** A task by its name, as `detection`, or a module with a metric of your own; see docs/compare.md. */
  readonly metric?: string | undefined;
  /** Paths of reports to write, each in the format that its ending says. */
  readonly reports?: readonly string[] | undefined;
}

/** What `calibrate` is asked for. */
export interface CalibrateOptions
  extends Pick<
      DataOptions,
      'preprocess' | 'pictures' | 'raw' | 'tokenizer' | 'shapes' | 'set' | 'samples' | 'seed'
    >,
    MachineOptions,
    RunHooks {
  /** Path of the float model. */
  readonly model: string;
  readonly data: Paths;
  /** Path of the statistics file; by default beside the model, as `model.stats.json` or `model.stats.2-of-8.json`. */
  readonly output?: string | undefined;
  /** Calibrate on this shard of the samples only. */
  readonly shard?: Shard | undefined;
  /** As the recipes that the statistics are for will have it: statistics belong to one folded model. */
  readonly equalize?: Rescaling | undefined;
  readonly smooth?: Rescaling | undefined;
}

/** What `mergeStatistics`, `mergeSensitivities` and `mergeSweeps` are asked for. */
export interface MergeOptions {
  /** Paths of the files of all shards, in any order. */
  readonly inputs: readonly string[];
  readonly output: string;
}

/** What `verify` is asked for. */
export interface VerifyOptions
  extends Omit<DataOptions, 'evalData' | 'evalSets' | 'labels'>,
    TrainingOptions,
    MachineOptions,
    RunHooks {
  /** Path of the quantized model, which carries its recipe. */
  readonly quantized: string;
  /** Path of the float model that it says it was made from. */
  readonly from: string;
  /** The statistics that it was made from, in place of samples. */
  readonly stats?: string | undefined;
  /** The plan that it was made from, in place of samples. */
  readonly plan?: string | undefined;
  /** What the model's inputs can hold; only ranges without samples need it. */
  readonly inputRange?: InputRange | undefined;
}

/** What `integers` is asked for. */
export interface IntegersOptions
  extends Omit<DataOptions, 'data' | 'evalData' | 'evalSets'>,
    Pick<MachineOptions, 'threads'>,
    RunHooks {
  /** Path of the quantized model, in QDQ form, whoever made it. */
  readonly quantized: string;
  /** Path of the float model, to state its accuracy beside. */
  readonly from?: string | undefined;
  /** Samples to run both ways; nothing is run without them. */
  readonly data?: Paths | undefined;
  /** Where the network is to be written, as .json or .npz. */
  readonly output?: string | undefined;
}

/** What `check` is asked for. */
export interface CheckOptions {
  /** Path of the quantized model, whoever made it. */
  readonly model: string;
  /** The runtime that it is for, a name of `targets`. */
  readonly target: string;
}

/** What `inspect` is asked for. */
export interface InspectOptions {
  /** Path of the float model. */
  readonly model: string;
  readonly recipe?: GivenRecipe | undefined;
  /** Inputs that hold one number at every run, by name. */
  readonly set?: Readonly<Record<string, number>> | undefined;
}

/** What a choice among the combinations of a sweep must keep to. */
export interface SweepLimits {
  /** Largest file, in bytes. */
  readonly maxSizeBytes?: number | undefined;
  /**
   * Largest drift, as a share of the samples: what top-1 accuracy loses against float; without labels, the samples whose
   * top-1 is another.
   */
  readonly maxDrift?: number | undefined;
  /** Least SQNR of every output, in dB. */
  readonly minSqnrDb?: number | undefined;
}

/** What `sweep` is asked for: every combination of the lists, all else as the recipe says. */
export interface SweepOptions extends DataOptions, MachineOptions, RunHooks {
  /** Path of the float model. */
  readonly model: string;
  /** Path of a statistics file of this model; with it, `data` only serves to measure on. */
  readonly stats?: string | undefined;
  /** What the model's inputs can hold; for observers that need no samples. */
  readonly inputRange?: InputRange | undefined;
  /** Path of the record, kept after every combination, so that a run that was stopped goes on; by default beside the model, as `model.sweep.json`. */
  readonly output?: string | undefined;
  /** Paths of reports: .html a page with the picture and the table, .csv and .tex the table. */
  readonly report?: string | readonly string[] | undefined;
  /** Weight schemes; that of the recipe by default. */
  readonly schemes?: readonly string[] | undefined;
  /** Widths of weights; that of the recipe by default. */
  readonly bits?: readonly number[] | undefined;
  /** Widths of activations; that of the recipe by default, `float` without samples. */
  readonly actBits?: readonly (number | 'float')[] | undefined;
  /** How activation ranges are chosen; that of the recipe by default. */
  readonly observers?: readonly string[] | undefined;
  /** What refines, each a value of a recipe's `refine`; that of the recipe by default. */
  readonly refines?: readonly string[] | undefined;
  /** Levels of activations below 8 bits; those of the recipe by default. */
  readonly actSchemes?: readonly string[] | undefined;
  /** Configurations of the lsqplus observer, 1 to 4; that of the recipe by default. */
  readonly lsqplusConfigs?: readonly LsqplusConfig[] | undefined;
  /** What has a scale of its own; that of the recipe by default. */
  readonly granularities?: readonly Granularity[] | undefined;
  /** What shares a codebook; that of the recipe by default. */
  readonly groups?: readonly Group[] | undefined;
  /** Each combination by each of these seeds: numbers are then means, with their standard deviations. */
  readonly seeds?: readonly number[] | undefined;
  /** Everything else that a recipe says, for all combinations. */
  readonly recipe?: GivenRecipe | undefined;
  /** Whether each model is timed against float, too. */
  readonly speed?: boolean | undefined;
  /** Only the combinations of this shard; `mergeSweeps` joins the records. */
  readonly shard?: Shard | undefined;
  /** What the best combination must keep to; without limits none is chosen. */
  readonly limits?: SweepLimits | undefined;
}
