import type { Model } from '../graph/model.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { Fact } from './facts.js';
import type { FoldedForm } from './folded-form.js';

/** What a pass may ask for, beside the model. */
export interface FoldContext {
  /** The values named, of a model without inputs: constants are computed by the runtime, not by kernels of ours. */
  evaluate(model: Model, values: readonly string[]): Promise<Map<string, NdArray>>;
  /** What the recipe asks of the folded model. */
  readonly form: FoldedForm;
}

/** A graph-to-graph rewrite that leaves the outputs as they are, within float rounding. */
export interface Pass {
  readonly name: string;
  /** What it does, in a few words, for the log. */
  readonly summary: string;
  /** What passes before it must have made true, for it to find what it is for. */
  readonly needs: readonly Fact[];
  /** What is true behind it, and stays so: no later pass may undo it. */
  readonly ensures: readonly Fact[];
  /**
   * Change the model in place.
   *
   * @returns how many nodes or values it removed or rewrote
   */
  run(model: Model, context: FoldContext): number | Promise<number>;
}
