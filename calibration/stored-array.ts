import { bfloat16ToNumber, halfToNumber } from '../src/numerics/half.js';
import {
  type ArrayData,
  type ArrayType,
  elementBytes,
  elementCount,
  type NdArray,
  viewBytes,
} from '../src/numerics/nd-array.js';
import type { ByteSource } from './byte-source.js';

/** Element types as files have them. */
export type StoredType = ArrayType | 'bfloat16';

/** A dense array whose elements stand in bytes that are read part by part. */
export interface StoredArray {
  readonly stored: StoredType;
  readonly dims: readonly number[];
  /** Which index changes fastest: the last one (C) or the first one (Fortran). */
  readonly order: 'c' | 'fortran';
  readonly isBigEndian: boolean;
  /** The elements, and nothing else; at least as many bytes as the shape needs. */
  readonly bytes: ByteSource;
}

/** An array that gives its entries of axis 0 one by one. */
export interface SlicedArray {
  /** float16 and bfloat16 become the float32 of the same value: arithmetic needs numbers, not bits. */
  readonly type: ArrayType;
  readonly dims: readonly number[];
  /** Entry `index` of axis 0, row-major, in a buffer of its own. */
  slice(index: number): Promise<ArrayData>;
  /** The same array as the only entry of an axis before its first one. */
  asEntry(): SlicedArray;
}

/**
 * Samples of an array in Fortran order are gathered in blocks of this size, since each is spread over the whole file:
 * larger blocks take fewer passes over it, smaller ones less memory.
 */
const FORTRAN_BLOCK_BYTES = 2 ** 28;

/** Size of one stored element, in bytes. */
export const storedBytes = (type: StoredType): number => (type === 'bfloat16' ? 2 : elementBytes(type));

/** The type that stored elements are given as. */
const readType = (type: StoredType): ArrayType =>
  type === 'bfloat16' || type === 'float16' ? 'float32' : type;

/** An array that is in memory, or comes there whole when a part of it is asked for. */
export function slicesOf(
  type: ArrayType,
  dims: readonly number[],
  load: () => Promise<ArrayData>,
): SlicedArray {
  const size = elementCount(dims.slice(1));
  return {
    type,
    dims,
    slice: async (index) => (await load()).slice(index * size, (index + 1) * size),
    asEntry: () => slicesOf(type, [1, ...dims], load),
  };
}

/**
 * The entries of axis 0 of a stored array. In C order each is read when it is asked for; in Fortran order blocks are.
 *
 * @param array - a scalar has none before it is made an entry
 */
export function storedSlices(array: StoredArray): SlicedArray {
  const { stored, dims, order, bytes } = array;
  const sliceBytes = elementCount(dims.slice(1)) * storedBytes(stored);
  const read =
    order === 'c' || dims.length === 1
      ? (index: number) => bytes.read(index * sliceBytes, sliceBytes)
      : fortranSlices(array, sliceBytes);
  return {
    type: readType(stored),
    dims,
    slice: async (index) => elementsOf(await read(index), array),
    asEntry: () => storedSlices({ ...array, dims: [1, ...dims] }),
  };
}

/**
 * All elements of a stored array, row-major.
 *
 * @param bytes - those of the array
 */
export function wholeArray(bytes: Uint8Array, array: Omit<StoredArray, 'bytes'>): NdArray {
  const { stored, dims, order } = array;
  const size = storedBytes(stored);
  const used = bytes.subarray(0, elementCount(dims) * size);
  const rowMajor = order === 'c' || dims.length < 2 ? used : reordered(used, dims, size);
  return { type: readType(stored), dims, data: elementsOf(rowMajor, array) };
}

function reordered(bytes: Uint8Array, dims: readonly number[], size: number): Uint8Array {
  const places = rowMajorPlaces(dims);
  const result = new Uint8Array(bytes.length);
  for (let i = 0; i < places.length; i++) {
    const to = (places[i] as number) * size;
    for (let b = 0; b < size; b++) result[to + b] = bytes[i * size + b] as number;
  }
  return result;
}

/** For each element in Fortran order, its place in row-major order. */
function rowMajorPlaces(dims: readonly number[]): Int32Array {
  const strides = dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
  return Int32Array.from({ length: elementCount(dims) }, (_, element) => {
    let rest = element;
    let place = 0;
    dims.forEach((dim, axis) => {
      place += (rest % dim) * (strides[axis] as number);
      rest = Math.floor(rest / dim);
    });
    return place;
  });
}

/** In Fortran order the first elements of all entries stand side by side, then their second ones, and so on. */
function fortranSlices(
  { stored, dims, bytes }: StoredArray,
  sliceBytes: number,
): (index: number) => Promise<Uint8Array> {
  const [total = 0, ...inner] = dims;
  const size = storedBytes(stored);
  const blockLength = Math.max(1, Math.min(total, Math.floor(FORTRAN_BLOCK_BYTES / sliceBytes)));
  const places = rowMajorPlaces(inner);
  let block: { first: number; bytes: Promise<Uint8Array> } | undefined;
  const gather = async (first: number): Promise<Uint8Array> => {
    const count = Math.min(blockLength, total - first);
    const gathered = new Uint8Array(count * sliceBytes);
    for (let j = 0; j < places.length; j++) {
      const run = await bytes.read((j * total + first) * size, count * size);
      const at = (places[j] as number) * size;
      for (let i = 0; i < count; i++) {
        for (let b = 0; b < size; b++) gathered[i * sliceBytes + at + b] = run[i * size + b] as number;
      }
    }
    return gathered;
  };
  return async (index) => {
    const first = index - (index % blockLength);
    if (block?.first !== first) block = { first, bytes: gather(first) };
    const start = (index - first) * sliceBytes;
    return (await block.bytes).subarray(start, start + sliceBytes);
  };
}

/** Elements in a buffer of their own: a view would keep the whole piece of the file that they were read with. */
function elementsOf(
  bytes: Uint8Array,
  { stored, isBigEndian }: Pick<StoredArray, 'stored' | 'isBigEndian'>,
): ArrayData {
  const own = new Uint8Array(bytes);
  if (isBigEndian) swapBytes(own, storedBytes(stored));
  if (stored === 'bfloat16')
    return Float32Array.from(viewBytes('uint16', own) as Uint16Array, bfloat16ToNumber);
  const elements = viewBytes(stored, own);
  return stored === 'float16' ? Float32Array.from(elements as Uint16Array, halfToNumber) : elements;
}

function swapBytes(bytes: Uint8Array, size: number): void {
  for (let start = 0; start < bytes.length; start += size) bytes.subarray(start, start + size).reverse();
}
