import type { Node } from '../graph/model.js';
import type { NdArray } from '../numerics/nd-array.js';

/** What a converter may ask of the graph around its node. */
export interface ConvertContext {
  /** A new constant; gives its name. */
  constant(wanted: string, array: NdArray): string;
  /** A name that no value has yet. */
  fresh(wanted: string): string;
  /** The rank of a value; undefined where nothing states it. */
  rankOf(value: string): number | undefined;
  /** The elements of a constant; undefined where the value is computed. */
  constantOf(value: string): NdArray | undefined;
  /** Whether anything reads the value. */
  isRead(value: string): boolean;
}

/** Rewrites one operator whose definition changed, from the definition before `since` to the one of `since`. */
export interface Converter {
  readonly opType: string;
  /** The opset that brought the new definition. */
  readonly since: number;
  /**
   * @returns the nodes that take the old one's place, or, in words, why there are none
   */
  convert(node: Node, context: ConvertContext): readonly Node[] | string;
}
