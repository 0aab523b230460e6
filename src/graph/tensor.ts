import { bfloat16ToNumber, halfToNumber, numberToBfloat16, numberToHalf } from '../numerics/half.js';
import {
  type ArrayData,
  type ArrayType,
  elementCount,
  type NdArray,
  viewBytes,
} from '../numerics/nd-array.js';
import { bitsOf, type DataType, isArrayType } from './data-type.js';

/** What a file said of a thing and this model has no field for; written back untouched. */
export type Carried = Readonly<Record<string, unknown>>;

/**
 * Where the elements stand: `raw` little-endian bytes, `typed` one of the repeated fields of TensorProto (kept as the
 * file had it, one number per element or per packed word), `external` in another file (offset and length in bytes, as
 * the model has them in text; a loaded model has none of these left), `range` a part of a file that is known to hold
 * them, as raw bytes, read when asked for and not kept, `strings` as UTF-8 bytes.
 */
export type TensorStorage =
  | { readonly kind: 'raw'; readonly bytes: Uint8Array }
  | { readonly kind: 'typed'; readonly field: string; readonly values: readonly unknown[] }
  | {
      readonly kind: 'external';
      readonly location: string;
      readonly offset?: string | undefined;
      readonly length?: string | undefined;
    }
  | FileRange
  | { readonly kind: 'strings'; readonly values: readonly Uint8Array[] };

/** The place of a tensor's raw bytes in a file. */
export interface FileRange {
  readonly kind: 'range';
  /** Real path. */
  readonly file: string;
  /** In bytes from the beginning of the file. */
  readonly start: number;
  readonly length: number;
  /** The bytes, read anew at each call. */
  readonly read: () => Uint8Array;
  /** Where it is a stranger's: throws where its path leads to something else now. */
  readonly refuseChanged?: (() => void) | undefined;
}

/** A constant of the graph. Immutable: a pass that changes values makes a new one. */
export interface Tensor {
  readonly dataType: DataType;
  readonly dims: readonly number[];
  readonly storage: TensorStorage;
  readonly carried?: Carried;
}

/** A raw tensor over the bytes of a dense array. */
export function tensorOf(array: NdArray): Tensor {
  const { data } = array;
  return {
    dataType: array.type,
    dims: [...array.dims],
    storage: { kind: 'raw', bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
  };
}

/** The elements as raw little-endian bytes, where they are held or kept in a file so; undefined otherwise. */
export function rawBytesOf({ storage }: Tensor): Uint8Array | undefined {
  if (storage.kind === 'range') return storage.read();
  return storage.kind === 'raw' ? storage.bytes : undefined;
}

/** Size of the elements as raw data, in bytes; strings count as nothing. */
export function tensorBytes(tensor: Tensor): number {
  return Math.ceil((elementCount(tensor.dims) * (bitsOf(tensor.dataType) ?? 0)) / 8);
}

/**
 * How many values the typed field of TensorProto holds for the elements: one each, but two for a complex number, and
 * types of less than a byte are packed by the byte.
 */
export function typedLength(tensor: Tensor): number {
  const count = elementCount(tensor.dims);
  const bits = bitsOf(tensor.dataType) ?? 8;
  if (tensor.dataType.startsWith('complex')) return 2 * count;
  return bits < 8 ? Math.ceil((count * bits) / 8) : count;
}

/** Whether the elements are floating-point numbers that weights come in. */
export function isFloatTensor(tensor: Tensor): boolean {
  return ['float32', 'float16', 'bfloat16', 'float64'].includes(tensor.dataType);
}

/**
 * The elements as a dense array of the same type.
 *
 * @throws Error where the type has none (strings, 4-bit types, …) or the elements stand in another file
 */
export function arrayOf(tensor: Tensor): NdArray {
  const { dataType, dims, storage } = tensor;
  if (!isArrayType(dataType)) throw new Error(`no dense array holds ${dataType}`);
  const bytes = rawBytesOf(tensor);
  if (bytes) return { type: dataType, dims, data: viewBytes(dataType, bytes) };
  if (storage.kind === 'typed') return { type: dataType, dims, data: ofTyped(dataType, storage.values) };
  throw new Error(`the elements are not at hand (${storage.kind})`);
}

function ofTyped(type: ArrayType, values: readonly unknown[]): ArrayData {
  if (type === 'int64') return BigInt64Array.from(values, (v) => BigInt(String(v)));
  if (type === 'uint64') return BigUint64Array.from(values, (v) => BigInt.asUintN(64, BigInt(String(v))));
  const numbers = values.map(Number);
  switch (type) {
    case 'float32':
      return Float32Array.from(numbers);
    case 'float64':
      return Float64Array.from(numbers);
    case 'int8':
      return Int8Array.from(numbers);
    case 'int16':
      return Int16Array.from(numbers);
    case 'uint16':
    case 'float16':
      return Uint16Array.from(numbers);
    case 'int32':
      return Int32Array.from(numbers);
    case 'uint32':
      return Uint32Array.from(numbers);
    default:
      return Uint8Array.from(numbers);
  }
}

/**
 * The elements of a float tensor as float32 (float64 is rounded, the 16-bit types are exact).
 *
 * @throws Error where the tensor is not of a float type
 */
export function floatsOf(tensor: Tensor): Float32Array {
  if (tensor.dataType === 'bfloat16') {
    const { storage } = tensor;
    const bytes = rawBytesOf(tensor);
    if (bytes) return Float32Array.from(viewBytes('uint16', bytes) as Uint16Array, bfloat16ToNumber);
    if (storage.kind === 'typed') return Float32Array.from(storage.values.map(Number), bfloat16ToNumber);
  }
  const { type, data } = arrayOf(tensor);
  if (type === 'float32') return data as Float32Array;
  if (type === 'float64') return Float32Array.from(data as Float64Array);
  if (type === 'float16') return Float32Array.from(data as Uint16Array, halfToNumber);
  throw new Error(`${tensor.dataType} is not a float type`);
}

/**
 * A tensor of the float type and shape given, from values in float64 or float32.
 *
 * @throws Error for a type that weights do not come in
 */
export function floatTensor(
  dataType: DataType,
  dims: readonly number[],
  values: Float64Array | Float32Array | readonly number[],
): Tensor {
  switch (dataType) {
    case 'float32':
      return tensorOf({ type: 'float32', dims, data: new Float32Array(values) });
    case 'float64':
      return tensorOf({ type: 'float64', dims, data: new Float64Array(values) });
    case 'float16':
      return tensorOf({ type: 'float16', dims, data: Uint16Array.from(values, numberToHalf) });
    case 'bfloat16': {
      const bits = Uint16Array.from(values, numberToBfloat16);
      return { dataType, dims: [...dims], storage: { kind: 'raw', bytes: new Uint8Array(bits.buffer) } };
    }
    default:
      throw new Error(`${dataType} is not a float type`);
  }
}

/**
 * The elements of an integer tensor as numbers.
 *
 * @throws Error where one is beyond ±2^53
 */
export function integersOf(tensor: Tensor): number[] {
  return Array.from(arrayOf(tensor).data as ArrayLike<number | bigint>, toSafeInteger);
}

/**
 * An int64 as a number.
 *
 * @throws Error beyond ±2^53
 */
export function toSafeInteger(value: number | bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Error(`${value} is too large for an index`);
  return number;
}
