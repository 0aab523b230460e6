import type { Graph } from '../graph/model.js';
import { type Tensor, tensorOf } from '../graph/tensor.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { EmittedNames } from './emitted-names.js';

/** Adds the constants that quantization brings; those that many places need are written once. */
export class Constants {
  readonly names: EmittedNames;
  readonly #graph: Graph;
  readonly #shared = new Map<string, string>();

  /**
   * @param graph - gets the constants
   * @param names - hands out the names
   */
  constructor(graph: Graph, names: EmittedNames) {
    this.#graph = graph;
    this.names = names;
  }

  /** A constant of its own; gives its name. */
  add(wanted: string, array: NdArray): string {
    return this.addTensor(wanted, tensorOf(array));
  }

  /** A constant under a name that this scope has handed out before. */
  adopt(name: string, array: NdArray): void {
    this.#graph.initializers.set(name, tensorOf(array));
  }

  addTensor(wanted: string, tensor: Tensor): string {
    const name = this.names.fresh(wanted);
    this.#graph.initializers.set(name, tensor);
    return name;
  }

  /** A constant that is the same wherever this name is asked for. */
  shared(wanted: string, make: () => NdArray): string {
    const known = this.#shared.get(wanted);
    if (known) return known;
    const name = this.add(wanted, make());
    this.#shared.set(wanted, name);
    return name;
  }

  /** A value that nodes make, the same wherever this name is asked for. */
  sharedValue(wanted: string, make: (name: string) => void): string {
    const known = this.#shared.get(wanted);
    if (known) return known;
    const name = this.names.fresh(wanted);
    make(name);
    this.#shared.set(wanted, name);
    return name;
  }

  /** A uint8 scalar, shared. Rank 0: onnxruntime refuses activation parameters of shape [1]. */
  uint8(value: number): string {
    return this.shared(`u8_${value}`, () => ({ type: 'uint8', dims: [], data: Uint8Array.of(value) }));
  }

  /** A code as a scalar, uint8 or uint16. */
  code(value: number, wide: boolean): string {
    if (!wide) return this.uint8(value);
    return this.shared(`u16_${value}`, () => ({ type: 'uint16', dims: [], data: Uint16Array.of(value) }));
  }

  /** Zero points of int8 weights, all 0, as many as there are scales; shared. */
  int8Zeros({ scales, axis }: { scales: Float32Array; axis: number | undefined }): string {
    const dims = axis === undefined ? [] : [scales.length];
    const data = new Int8Array(scales.length);
    return this.shared(`i8_zeros${dims.map((dim) => `_${dim}`).join('')}`, () => ({
      type: 'int8',
      dims,
      data,
    }));
  }

  /** A list of int64, shared: shapes and bounds. */
  int64List(values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.shared(`shape_${values.join('_')}`, () => ({ type: 'int64', dims: [values.length], data }));
  }
}
