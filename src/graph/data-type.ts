import type { ArrayType } from '../numerics/nd-array.js';

/**
 * ONNX element types, by their code in TensorProto.DataType.
 * Source: onnx.proto, enum TensorProto.DataType, IR version 13.
 */
export const dataTypeCodes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e4m3fnuz: 18,
  float8e5m2: 19,
  float8e5m2fnuz: 20,
  uint4: 21,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
  uint2: 25,
  int2: 26,
} as const;

export type DataType = keyof typeof dataTypeCodes;

const namesByCode = new Map<number, DataType>(
  Object.entries(dataTypeCodes).map(([name, code]) => [code, name as DataType]),
);

/** The name of a TensorProto.DataType code; undefined where there is none. */
export function dataTypeOf(code: number): DataType | undefined {
  return namesByCode.get(code);
}

const bitsByType: Readonly<Partial<Record<DataType, number>>> = {
  float32: 32,
  uint8: 8,
  int8: 8,
  uint16: 16,
  int16: 16,
  int32: 32,
  int64: 64,
  bool: 8,
  float16: 16,
  float64: 64,
  uint32: 32,
  uint64: 64,
  complex64: 64,
  complex128: 128,
  bfloat16: 16,
  float8e4m3fn: 8,
  float8e4m3fnuz: 8,
  float8e5m2: 8,
  float8e5m2fnuz: 8,
  uint4: 4,
  int4: 4,
  float4e2m1: 4,
  float8e8m0: 8,
  uint2: 2,
  int2: 2,
};

/** Bits that one element takes in raw data; undefined for strings. */
export function bitsOf(type: DataType): number | undefined {
  return bitsByType[type];
}

const arrayTypes: ReadonlySet<string> = new Set<ArrayType>([
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
]);

/** Whether elements of this type can be held in a dense array. */
export function isArrayType(type: DataType | undefined): type is DataType & ArrayType {
  return type !== undefined && arrayTypes.has(type);
}

/** The type that an input is fed as: no array holds bfloat16, which the runtime is given as float32. */
export const fedAs = (type: DataType | undefined): DataType | undefined =>
  type === 'bfloat16' ? 'float32' : type;
