import { halfToNumber } from './half.js';

/** Typed arrays that hold the elements of a dense array, row-major. */
export type ArrayData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** The element types a dense array can hold; `float16` is kept as its bits in a Uint16Array, `bool` as bytes. */
export type ArrayType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool';

/** A dense row-major array: what goes into the runtime and comes out of it. */
export interface NdArray {
  readonly type: ArrayType;
  readonly dims: readonly number[];
  readonly data: ArrayData;
  /** Whether each element stands for a text: equal or not is all that can be told of two. */
  readonly isText?: boolean;
}

/** A full set of named inputs for one run of a model. */
export type Feed = Readonly<Record<string, NdArray>>;

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<ArrayType, unknown>;

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Size of one element, in bytes. */
export function elementBytes(type: ArrayType): number {
  return constructors[type].BYTES_PER_ELEMENT;
}

/** Bytes that the elements of some arrays take together. */
export function bytesOfArrays(arrays: Iterable<NdArray>): number {
  let bytes = 0;
  for (const { data } of arrays) bytes += data.byteLength;
  return bytes;
}

/** A zero-filled typed array of the right kind. */
export function allocate(type: ArrayType, length: number): ArrayData {
  return new constructors[type](length);
}

/**
 * Little-endian bytes as a typed array.
 *
 * @param bytes - copied where it is not aligned to the element size, viewed otherwise
 */
export function viewBytes(type: ArrayType, bytes: Uint8Array): ArrayData {
  const size = elementBytes(type);
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new constructors[type](aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.byteLength / size);
}

/** The elements as numbers: float16 is held as its bits, 64-bit integers as BigInt. */
export function numbersOf({ type, data }: Pick<NdArray, 'type' | 'data'>): ArrayLike<number> {
  if (type === 'float16') return Float32Array.from(data as Uint16Array, halfToNumber);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  return data;
}

/** For each element of a row-major array, its place along an axis; 0 where there is no axis. */
export function channelAlong(dims: readonly number[], axis: number | undefined): (element: number) => number {
  if (axis === undefined) return () => 0;
  const stride = elementCount(dims.slice(axis + 1));
  const length = dims[axis] ?? 1;
  return (element) => Math.floor(element / stride) % length;
}

/** Visits the runs of elements of one channel, in their order: from an element to another, exclusive. */
export function eachRun(
  dims: readonly number[],
  axis: number | undefined,
  visit: (channel: number, from: number, to: number) => void,
): void {
  const elements = elementCount(dims);
  const length = axis === undefined ? 1 : (dims[axis] ?? 1);
  const run = axis === undefined ? elements : elementCount(dims.slice(axis + 1));
  for (let from = 0, channel = 0; from < elements; from += run) {
    visit(channel, from, from + run);
    channel = channel + 1 === length ? 0 : channel + 1;
  }
}
