import { QuantizeError } from '../src/errors.js';
import { numberToHalf } from '../src/numerics/half.js';
import {
  type ArrayData,
  type ArrayType,
  allocate,
  elementCount,
  type NdArray,
} from '../src/numerics/nd-array.js';
import { describeShape, fits, makeTransform, type Preprocess } from './preprocess.js';
import type { SampleSet } from './sample-set.js';
import type { InputSpec } from './source.js';

/**
 * The samples of one input that an array holds, cut on axis 0; an array of the rank of a single sample is one sample.
 *
 * @param label - what the array is called: its file, or its place in one
 * @throws QuantizeError where it is empty, or does not fit the input
 */
export function arraySet(
  label: string,
  array: NdArray,
  input: InputSpec,
  preprocess: Preprocess | undefined,
): SampleSet {
  const { type, data, dims: all } = withSampleAxis(array, input);
  const [total = 0, ...dims] = all;
  if (total === 0) throw new QuantizeError('data-empty', { path: label });
  const convert = converterOf(label, type, dims, input, preprocess);
  const size = elementCount(dims);
  return {
    label,
    length: total,
    preprocess: preprocess?.label ?? 'as stored',
    sample: (index) => ({
      [input.name]: convert({ type, dims, data: data.slice(index * size, (index + 1) * size) }),
    }),
  };
}

function withSampleAxis(array: NdArray, { shape }: InputSpec): NdArray {
  const isOneSample = shape !== undefined && array.dims.length === shape.length - 1;
  return isOneSample ? { ...array, dims: [1, ...array.dims] } : array;
}

/** Integers fit a float input only by what the user says; the same type, or a narrower integer, fits as it is. */
function converterOf(
  path: string,
  type: ArrayType,
  dims: readonly number[],
  input: InputSpec,
  preprocess: Preprocess | undefined,
): (sample: NdArray) => NdArray {
  const toFloat = floatConverters[input.type];
  if (toFloat) {
    if (!preprocess && !type.startsWith('float')) {
      throw new QuantizeError('data-needs-preprocess', { path, type, input: input.name });
    }
    const transform = makeTransform(path, dims, input, preprocess);
    return (sample) => ({
      type: input.type as ArrayType,
      dims: transform.dims,
      data: toFloat(transform.apply(sample)),
    });
  }
  if (type !== input.type && !isWider(input.type, type)) {
    throw new QuantizeError('data-type', { path, type, input: input.name, expected: input.type });
  }
  if (!fits(dims, input.shape?.slice(1))) {
    const mend = 'Save the samples in the shape that the model takes.';
    const facts = { path, found: dims.join(', '), input: input.name, expected: describeShape(input), mend };
    throw new QuantizeError('data-shape', facts);
  }
  return type === input.type ? (sample) => sample : (sample) => widen(sample, input.type as ArrayType);
}

/** From float32 to the float type of an input. */
const floatConverters: Readonly<Record<string, (values: Float32Array) => ArrayData>> = {
  float32: (values) => values,
  float64: (values) => Float64Array.from(values),
  float16: (values) => Uint16Array.from(values, numberToHalf),
};

/** Which integer types hold every value of another. */
const widerTypes: Readonly<Record<string, readonly string[]>> = {
  int64: ['int32', 'uint32', 'int16', 'uint16', 'int8', 'uint8', 'bool'],
  int32: ['int16', 'uint16', 'int8', 'uint8', 'bool'],
};

const isWider = (wide: string, narrow: string): boolean => widerTypes[wide]?.includes(narrow) ?? false;

function widen({ dims, data }: NdArray, type: ArrayType): NdArray {
  const wide = allocate(type, data.length);
  for (let i = 0; i < data.length; i++) {
    if (wide instanceof BigInt64Array) wide[i] = BigInt(data[i] as number);
    else wide[i] = data[i] as number;
  }
  return { type, dims, data: wide };
}
