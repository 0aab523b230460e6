import type { OwnGradient } from '../derive/reverse.js';
import type { Graph } from '../graph/model.js';
import type { NdArray } from '../numerics/nd-array.js';

/** A value that is learned. */
export interface Parameter {
  /** A value that the graph reads and no node makes. */
  readonly name: string;
  /** float32. */
  readonly start: NdArray;
  /** Learning rate at the schedule's 1: of all elements, or of each. */
  readonly rate: number | NdArray;
  /** Kept at or above this. */
  readonly minimum?: number;
}

/** Samples of which every step takes some. */
export interface Bank {
  /** The input of the graph that the taken ones are. */
  readonly input: string;
  /** Samples along the first axis. */
  readonly samples: NdArray;
  /**
   * `batch`: the same rows as every other bank, each once before any comes again. `random`: rows of its own choice, each
   * step anew.
   */
  readonly draw: 'batch' | 'random';
}

/** A scalar that changes from step to step. */
export interface Schedule {
  /** An input of the graph, a float32 scalar. */
  readonly input: string;
  /** Its value, from the share of the steps that are done, in [0, 1). */
  readonly at: (progress: number) => number;
}

/** What to make small, and by what. */
export interface Objective {
  /** Opset 17 or later; its inputs are those of the banks, the schedules and the parameters. */
  readonly graph: Graph;
  readonly opsets: ReadonlyMap<string, number>;
  /** A scalar. */
  readonly loss: string;
  readonly parameters: readonly Parameter[];
  readonly banks: readonly Bank[];
  readonly schedules?: readonly Schedule[];
  readonly own?: readonly OwnGradient[];
}
