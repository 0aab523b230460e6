import type { SampleSource, Shard } from '../../calibration/source.js';
import type { Labelled } from '../calibrate/samples.js';
import type { Model } from '../graph/model.js';
import type { RunProgress } from '../options.js';
import type { PlanChange } from '../quantize/changed.js';
import type { Plan, RefinedBlock } from '../quantize/plan.js';
import type { RefinerSetting, RefineSettings, RefineStep } from '../recipe.js';
import type { LearnedBlocks } from './learning/learned-blocks.js';
import type { Shapes } from './open-walk.js';
import type { Sharing } from './walk-threads.js';

/** What a refiner works with, beside the plan. */
export interface RefineContext {
  /** The folded float model. */
  readonly model: Model;
  /** Samples to refine on; can be opened any number of times, and gives them in the same order. */
  readonly source: SampleSource;
  /** Samples whose classes are known, where there are some. */
  readonly training?: Labelled | undefined;
  readonly seed: number;
  /** What the refiner was told, its defaults filled in. */
  readonly settings: RefineSettings;
  /** What the process may take at its peak, in bytes; undefined for half of the machine's memory. */
  readonly maxMemoryBytes: number | undefined;
  /** Shapes of the layers' results for the first sample, measured once for all refiners. */
  readonly shapes?: Shapes | undefined;
  /** How samples are shared out to threads where a refiner lets them; as cores, memory and time say without it. */
  readonly sharing?: Sharing | undefined;
  /**
   * Between two runs of the model.
   *
   * @throws QuantizeError `interrupted` where the run was asked to stop
   */
  readonly pause: () => Promise<void>;
  /** Told what is found so far, so that it can be kept where the run is stopped. */
  readonly partly?: ((found: Refinement) => void) | undefined;
  /** Blocks that were learned before by a refiner whose blocks are apart, in place of learning them. */
  readonly learned?: ((start: LearningStart) => Promise<LearnedBlocks>) | undefined;
  /** Told how many layers, or steps of a training, are done; of a training the loss, too. */
  readonly progress: (
    done: number,
    total: number,
    unit: 'layers' | 'steps',
    more?: Pick<RunProgress, 'part' | 'loss'>,
  ) => void;
}

/** What blocks are learned from. */
export interface LearningStart {
  readonly plan: Plan;
  readonly step: RefineStep;
  readonly source: SampleSource;
  readonly seed: number;
}

/** What a refiner found. */
export interface Refinement {
  readonly change: PlanChange;
  readonly blocks: readonly RefinedBlock[];
}

/**
 * A way to make a plan better by what the model does on samples. It changes the numbers of the plan and never its form:
 * file size and speed stay. Whether the result is kept is not its business (`refine-plan.ts`).
 */
export interface Refiner {
  readonly name: string;
  readonly summary: string;
  /** What of a plan it changes. */
  readonly changes: readonly (keyof PlanChange)[];
  readonly settings: readonly RefinerSetting[];
  /** Whether it learns from labels: samples of them, held back, then decide about it. */
  readonly needsLabels?: true;
  /** Samples that it works on at most, of runs whose layers have such results; all of them without it. */
  readonly mostSamples?: (settings: RefineSettings, shapes: Shapes) => number;
  /** Where blocks can be learned apart, so that none depends on another. */
  readonly apart?: {
    /** Whether they are, told these settings. */
    readonly isAsked: (settings: RefineSettings) => boolean;
    /** Learn the part of them that a shard has, about as much work as any other's. */
    readonly learn: (plan: Plan, context: RefineContext, shard: Shard) => Promise<LearnedBlocks>;
  };
  refine(plan: Plan, context: RefineContext): Promise<Refinement>;
}
