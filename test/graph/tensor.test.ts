import { describe, expect, test } from 'vitest';
import type { DataType } from '../../src/graph/data-type.js';
import {
  arrayOf,
  floatsOf,
  floatTensor,
  integersOf,
  isFloatTensor,
  type Tensor,
  tensorBytes,
  tensorOf,
  toSafeInteger,
} from '../../src/graph/tensor.js';

const raw = (dataType: DataType, dims: number[], bytes: number[]): Tensor => ({
  dataType,
  dims,
  storage: { kind: 'raw', bytes: Uint8Array.from(bytes) },
});
const typed = (dataType: DataType, field: string, values: unknown[]): Tensor => ({
  dataType,
  dims: [values.length],
  storage: { kind: 'typed', field, values },
});

// 1 and −2, by the bit layout of each type.
const floats: [DataType, number[]][] = [
  ['float32', [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]],
  ['float16', [0, 0x3c, 0, 0xc0]],
  ['bfloat16', [0x80, 0x3f, 0, 0xc0]],
  ['float64', [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0]],
];

describe.each(floats)('%s', (dataType, bytes) => {
  test('raw bytes as floats', () => {
    expect(floatsOf(raw(dataType, [2], bytes))).toEqual(Float32Array.of(1, -2));
  });

  test('floats as raw bytes', () => {
    expect(floatTensor(dataType, [2], [1, -2])).toEqual(raw(dataType, [2], bytes));
  });

  test('its size', () => {
    expect(tensorBytes(raw(dataType, [2], bytes))).toBe(bytes.length);
    expect(isFloatTensor(raw(dataType, [2], bytes))).toBe(true);
  });
});

test('the typed fields hold 16-bit floats as their bits', () => {
  expect(floatsOf(typed('float16', 'int32_data', [0x3c00, 0xc000]))).toEqual(Float32Array.of(1, -2));
  expect(floatsOf(typed('bfloat16', 'int32_data', [0x3f80, 0xc000]))).toEqual(Float32Array.of(1, -2));
  expect(floatsOf(typed('float32', 'float_data', [1, -2]))).toEqual(Float32Array.of(1, -2));
  expect(floatsOf(typed('float64', 'double_data', [1, -2]))).toEqual(Float32Array.of(1, -2));
});

test('the typed fields hold integers as numbers', () => {
  const data = (tensor: Tensor) => arrayOf(tensor).data;
  expect(data(typed('int8', 'int32_data', [-128, 127]))).toEqual(Int8Array.of(-128, 127));
  expect(data(typed('uint8', 'int32_data', [255]))).toEqual(Uint8Array.of(255));
  expect(data(typed('int16', 'int32_data', [-32768]))).toEqual(Int16Array.of(-32768));
  expect(data(typed('uint16', 'int32_data', [65535]))).toEqual(Uint16Array.of(65535));
  expect(data(typed('int32', 'int32_data', [-1]))).toEqual(Int32Array.of(-1));
  expect(data(typed('uint32', 'uint64_data', [4294967295]))).toEqual(Uint32Array.of(4294967295));
  expect(data(typed('bool', 'int32_data', [1, 0]))).toEqual(Uint8Array.of(1, 0));
  const extremes = ['9223372036854775807', '-9223372036854775808'];
  expect(data(typed('int64', 'int64_data', extremes))).toEqual(
    BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n)),
  );
  expect(data(typed('uint64', 'uint64_data', ['18446744073709551615']))).toEqual(
    BigUint64Array.of(2n ** 64n - 1n),
  );
});

test.each([
  ['int4', [3], 2],
  ['uint4', [3, 3], 5],
  ['int2', [5], 2],
  ['complex128', [2], 32],
  ['float32', [], 4],
  ['float32', [0, 7], 0],
] as [DataType, number[], number][])('%s %j takes %i bytes', (dataType, dims, bytes) => {
  expect(tensorBytes(raw(dataType, dims, []))).toBe(bytes);
});

test('tensorOf views the array, at its offset', () => {
  const data = Float32Array.of(7, 1, -2).subarray(1);
  const tensor = tensorOf({ type: 'float32', dims: [2], data });
  expect(tensor).toEqual(raw('float32', [2], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
});

test('integersOf takes what an index can be, and refuses the rest', () => {
  const of = (...values: bigint[]) => tensorOf({ type: 'int64', dims: [], data: BigInt64Array.from(values) });
  expect(integersOf(of(-1n, 2n ** 53n - 1n))).toEqual([-1, 2 ** 53 - 1]);
  expect(() => integersOf(of(2n ** 53n))).toThrow('9007199254740992 is too large');
  expect(() => toSafeInteger(-(2n ** 63n))).toThrow('too large');
});

test('what no dense array holds is refused', () => {
  const strings: Tensor = { dataType: 'string', dims: [0], storage: { kind: 'strings', values: [] } };
  const external: Tensor = {
    dataType: 'float32',
    dims: [1],
    storage: { kind: 'external', location: 'weights.bin' },
  };
  expect(() => arrayOf(strings)).toThrow('string');
  expect(() => arrayOf(raw('int4', [2], [0]))).toThrow('int4');
  expect(() => arrayOf(external)).toThrow('external');
  expect(() => floatsOf(raw('int32', [1], [0, 0, 0, 0]))).toThrow('int32 is not a float type');
  expect(() => floatTensor('int8', [1], [0])).toThrow('int8 is not a float type');
});
