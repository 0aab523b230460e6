import type { DataType } from '../graph/data-type.js';
import type { Node } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import type { NdArray } from '../numerics/nd-array.js';

/** What a rule may ask of the graph around its node. */
export interface Scope {
  /** Of every float value: what constants must be made in. */
  readonly floatType: 'float32' | 'float64';
  /** A name that no value has. */
  fresh(wanted: string): string;
  /** The shape of a value of the forward graph. */
  dims(value: string): readonly number[];
  dataType(value: string): DataType | undefined;
  /** The constant of that name; undefined where the value is computed. */
  constant(value: string): Tensor | undefined;
  /** A new constant; the same array twice may give the same name. */
  constantOf(array: NdArray): string;
  /** Output `index` of a forward node, which gets one where it has none. */
  output(node: Node, index: number): string;
}

/** The nodes that compute the gradients, and the gradient of each input; undefined where none is wanted or it is 0. */
export interface Gradients {
  readonly nodes: readonly Node[];
  readonly gradients: readonly (string | undefined)[];
}

/**
 * The vector-Jacobian product of an operator: given the gradient of the loss by each output (undefined where it is 0),
 * the gradient by each wanted input, of that input's shape.
 *
 * @returns the reason, to stand after the operator's name in a sentence, where there is no rule for this node
 */
export type Derivative = (
  node: Node,
  gradients: readonly (string | undefined)[],
  wanted: readonly boolean[],
  scope: Scope,
) => Gradients | string;

/** The rule of one operator. */
export interface DerivativeRule {
  readonly opType: string;
  /** Operator sets that have it; the default one alone without it. */
  readonly domains?: readonly string[];
  readonly derive: Derivative;
}
