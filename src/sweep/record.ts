import type { Shard } from '../../calibration/source.js';
import type { TaskAccuracy } from '../evaluate/compare-outputs.js';
import type { Speed } from '../evaluate/measure-speed.js';
import type { Recipe } from '../recipe.js';
import type { DataRecord, FileRecord, Result } from '../report/result.js';
import type { Machine } from '../runtime/machine.js';

/** Version of the sweep's record, which is its file, too. */
export const SWEEP_VERSION = 2;

/** How far one output of a quantized model is from float, in a default session. */
export interface SweptOutput {
  readonly name: string;
  /** Null where it does not differ at all. */
  readonly sqnrDb: number | null;
  readonly cosine: number | null;
  /** Share of the samples whose top-1 is the same; null unless the output is [N, classes]. */
  readonly topOneAgreement: number | null;
}

/** What one of several sets of samples gave. */
export interface SweptSet {
  readonly name: string;
  readonly outputs: readonly SweptOutput[];
  readonly task: TaskAccuracy | null;
  /** As of a result. */
  readonly spread?: Spread | undefined;
}

/** What came of one combination. */
export interface SweepResult {
  readonly name: string;
  readonly recipe: Recipe;
  readonly sizeBytes: number;
  /** Of the .onnx file that the recipe makes. */
  readonly sha256: string;
  /** Of several sets of samples those of the worst, as the accuracy is. */
  readonly outputs: readonly SweptOutput[];
  /** Null without labels. */
  readonly task: TaskAccuracy | null;
  /** Null where it was not asked for: it is the one part that another run gives anew. */
  readonly speed: Speed | null;
  /** Several sets of samples, each measured by itself; missing where there is one alone. */
  readonly sets?: readonly SweptSet[] | undefined;
  /** Where several seeds were asked for: numbers are then their means, and these their standard deviations. */
  readonly spread?: Spread | undefined;
}

/** Standard deviations over seeds; null where it was not measured, or is not finite. */
export interface Spread {
  readonly seeds: readonly number[];
  readonly topOne: number | null;
  readonly agreement: number | null;
  readonly sqnrDb: number | null;
}

/** The record of a sweep. */
export interface SweepRecord {
  readonly schemaVersion: typeof SWEEP_VERSION;
  readonly tool: { readonly name: string; readonly version: string };
  readonly runtime: Result['runtime'];
  readonly machine: Machine;
  /** SHA-256 of all that the results depend on beside their recipes, each part by itself. */
  readonly basis: Basis;
  readonly float: FileRecord;
  /** Null where weights alone are quantized. */
  readonly calibration: DataRecord | null;
  readonly evaluation: Result['evaluation'];
  /** Combinations asked for, where they have a result, in their order. */
  readonly results: readonly SweepResult[];
  /** Combinations that are still to come; 0 in a finished sweep. */
  readonly missing: number;
  /** Names of the results that no other one is better than: size, activation width and quality taken together. */
  readonly front: readonly string[];
  /** Null where there is no limit. */
  readonly choice: Choice | null;
  /** Results of earlier runs that were not asked for now, kept for when they are. */
  readonly others: readonly SweepResult[];
  /** Only in the record of a shard. */
  readonly part?: SweepPart | undefined;
}

/** Which combinations a shard has: of each n in a row the one of its number. */
export interface SweepPart {
  readonly shard: Shard;
  /** Names of the combinations of all shards, in their order. */
  readonly combinations: readonly string[];
}

/** SHA-256 of each thing that results are of. */
export interface Basis {
  readonly model: string;
  readonly samples: string;
  readonly environment: string;
}

/** The best result under limits. */
export interface Choice {
  /** As flags: `--max-size 300000 --min-sqnr 30`. */
  readonly limits: string;
  /** Null where no result keeps to them. */
  readonly name: string | null;
  /** The command that makes its model, with the files by their names alone; null without one. */
  readonly command: string | null;
}

/** The SQNR of the output that drifts most; Infinity where none does. */
export function sqnrOf({ outputs }: Pick<SweepResult, 'outputs'>): number {
  return Math.min(...outputs.map(({ sqnrDb }) => sqnrDb ?? Number.POSITIVE_INFINITY));
}

/** The share of samples with the same top-1, of the first output that has one; undefined where none has. */
export function agreementOf({ outputs }: Pick<SweepResult, 'outputs'>): number | undefined {
  return outputs.find(({ topOneAgreement }) => topOneAgreement !== null)?.topOneAgreement ?? undefined;
}

/**
 * The drift as a share of the samples: what top-1 accuracy loses against float; without labels, the samples whose top-1
 * is another; undefined where there are no classes.
 */
export function driftOf(result: SweepResult): number | undefined {
  const { task } = result;
  if (task) return task.float - task.quantized;
  const agreement = agreementOf(result);
  return agreement === undefined ? undefined : 1 - agreement;
}
