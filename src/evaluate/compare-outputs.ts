import type { Batch, BatchRows, SampleSource } from '../../calibration/source.js';
import type { NdArray } from '../numerics/nd-array.js';
import { type BranchDrift, BranchMeter, type BranchRunner } from './branch-drift.js';
import type { ClassAxis } from './class-axes.js';
import { type Drift, DriftMeter } from './drift.js';
import { type EmbeddingDrift, EmbeddingMeter } from './embedding-drift.js';
import { ErrorMeter, type ErrorQuantiles } from './error-quantiles.js';
import type { Runner } from './recording.js';
import { type TaskAccuracy, TaskMeter } from './task-accuracy.js';
import type { Meter } from './user-metric.js';

export type { TaskAccuracy } from './task-accuracy.js';

/** The three runs of every sample: the float model, the file as its users run it, and the quantization as it is written. */
export interface ComparedSessions {
  readonly float: Runner;
  readonly deployed: Runner;
  /** What tells which branches the last run of `deployed` took; undefined where the model has none. */
  readonly branches?: Pick<BranchRunner, 'taken'> | undefined;
  readonly exact: Runner;
  /** Samples that the last one runs, where they are fewer than EXACT_SAMPLES. */
  readonly exactSamples?: number | undefined;
  /** Both models with every node as it stands: what the runtime's optimizations change shows against these. */
  readonly unoptimized?: {
    readonly float: Runner;
    readonly quantized: Runner;
    /** The float model as its users run it, where `float` is not that. */
    readonly optimizedFloat?: Runner | undefined;
  };
}

/** Drift of one output. */
export interface OutputDrift {
  readonly name: string;
  /** Its name in the quantized model, and how the two were brought together. */
  readonly quantizedName: string;
  readonly matchedBy: 'name' | 'order';
  /** In a default session: integer kernels. */
  readonly deployed: Drift;
  /** Without integer kernels: the error of the quantization alone. */
  readonly exact: Drift;
  /** What the integer kernels add: from the exact session to the deployed one, on the same samples as `exact`. */
  readonly kernels: Drift;
  /** What the runtime's optimizations change in each model: from none of them to a default session, on a few samples. */
  readonly optimizations: { readonly float: Drift; readonly quantized: Drift };
  /** How large the errors are, deployed; null where the output is no float. */
  readonly errors: ErrorQuantiles | null;
  /** How directions are kept, deployed; null unless the output is [N, d] of floats. */
  readonly embedding: EmbeddingDrift | null;
  /** Where samples took both branches of an If: both, deployed, the one further from float first. */
  readonly branches?: readonly BranchDrift[];
}

/** A batch, and what two models made of it. */
export interface ComparedBatch extends Batch {
  /** Place of its first sample among all. */
  readonly first: number;
  readonly float: ReadonlyMap<string, NdArray>;
  readonly quantized: ReadonlyMap<string, NdArray>;
}

/**
 * Samples beyond this many are run in the float and the deployed session only: the error without integer kernels is a
 * mean over every element, and settles soon. Large models run fewer.
 */
export const EXACT_SAMPLES = 128;

/** Samples run without optimizations: an optimization that goes wrong does so on the first. */
export const UNOPTIMIZED_SAMPLES = 4;

/** Everything that is measured of one output. */
class OutputMeter {
  readonly name: string;
  readonly #deployed: DriftMeter;
  readonly #exact: DriftMeter;
  readonly #kernels = new DriftMeter();
  readonly #floatOptimizations = new DriftMeter();
  readonly #quantizedOptimizations = new DriftMeter();
  readonly #errors = new ErrorMeter();
  readonly #embedding = new EmbeddingMeter();
  readonly #branches = new BranchMeter();

  constructor(name: string, classAxis: ClassAxis | undefined) {
    this.name = name;
    const target = { classAxis, isGrouped: true };
    this.#deployed = new DriftMeter(target);
    this.#exact = new DriftMeter(target);
  }

  add(
    values: Readonly<Record<keyof Runs, NdArray | undefined>>,
    batch: BatchRows,
    taken: BranchRunner['taken'] | undefined,
  ): void {
    const { float, deployed, exact, plainFloat, plainQuantized, optimizedFloat = float } = values;
    if (float && deployed) {
      this.#deployed.add(float, deployed, batch);
      this.#errors.add(float, deployed, batch);
      this.#embedding.add(float, deployed, batch);
      if (taken) this.#branches.add(taken, float, deployed, batch);
    }
    if (float && exact) this.#exact.add(float, exact, batch);
    if (deployed && exact) this.#kernels.add(exact, deployed, batch);
    if (optimizedFloat && plainFloat) this.#floatOptimizations.add(plainFloat, optimizedFloat, batch);
    if (deployed && plainQuantized) this.#quantizedOptimizations.add(plainQuantized, deployed, batch);
  }

  get drift(): OutputDrift {
    const { branches } = this.#branches;
    return {
      name: this.name,
      quantizedName: this.name,
      matchedBy: 'name',
      deployed: this.#deployed.drift,
      exact: this.#exact.drift,
      kernels: this.#kernels.drift,
      optimizations: {
        float: this.#floatOptimizations.drift,
        quantized: this.#quantizedOptimizations.drift,
      },
      errors: this.#errors.quantiles,
      embedding: this.#embedding.drift,
      ...(branches.length > 0 && { branches }),
    };
  }
}

/** What the runs of one batch gave. */
interface Runs {
  readonly float: Outputs;
  readonly deployed: Outputs;
  readonly exact: Outputs | undefined;
  readonly plainFloat: Outputs | undefined;
  readonly plainQuantized: Outputs | undefined;
  readonly optimizedFloat: Outputs | undefined;
}

type Outputs = ReadonlyMap<string, NdArray>;

/** What is measured beside the drift. */
export interface Watchers {
  /** The class of each sample; without them no accuracy. */
  readonly labels?: readonly number[] | undefined;
  /** The user's own, which gets every run. */
  readonly metric?: Meter | undefined;
  /** Sees every batch in the float and the deployed session. */
  readonly watch?: ((compared: ComparedBatch) => void) | undefined;
  /** Where scores of classes are, by the output that has them. */
  readonly classes?: ReadonlyMap<string, ClassAxis> | undefined;
}

/**
 * Run every sample through the sessions and measure how far the outputs part.
 *
 */
export async function compareOutputs(
  source: SampleSource,
  sessions: ComparedSessions,
  { labels, metric, watch, classes = new Map() }: Watchers = {},
): Promise<{ outputs: OutputDrift[]; task: TaskAccuracy | undefined }> {
  const meters = sessions.float.outputNames.map((name) => new OutputMeter(name, classes.get(name)));
  const task = labels && new TaskMeter(labels);
  const { exactSamples = EXACT_SAMPLES } = sessions;
  let done = 0;
  for await (const batch of source.open()) {
    const { feed } = batch;
    const isPlain = done < UNOPTIMIZED_SAMPLES;
    const runs: Runs = {
      float: await sessions.float.run(feed),
      deployed: await sessions.deployed.run(feed),
      exact: done < exactSamples ? await sessions.exact.run(feed) : undefined,
      plainFloat: isPlain ? await sessions.unoptimized?.float.run(feed) : undefined,
      plainQuantized: isPlain ? await sessions.unoptimized?.quantized.run(feed) : undefined,
      optimizedFloat: isPlain ? await sessions.unoptimized?.optimizedFloat?.run(feed) : undefined,
    };
    watch?.({ ...batch, first: done, float: runs.float, quantized: runs.deployed });
    for (const meter of meters) {
      const { name } = meter;
      const [float, deployed] = [runs.float.get(name), runs.deployed.get(name)];
      const values = {
        float,
        deployed,
        exact: runs.exact?.get(name),
        plainFloat: runs.plainFloat?.get(name),
        plainQuantized: runs.plainQuantized?.get(name),
        optimizedFloat: runs.optimizedFloat?.get(name),
      };
      meter.add(values, batch, sessions.branches?.taken);
      if (float && deployed) task?.add(name, float, deployed, batch, done);
    }
    await metric?.add({ float: runs.float, quantized: runs.deployed }, labels, batch, done);
    done += batch.samples;
  }
  return { outputs: meters.map(({ drift }) => drift), task: task?.accuracy };
}
