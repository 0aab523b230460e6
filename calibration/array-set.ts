import { QuantizeError } from '../src/errors.js';
import { numberToHalf } from '../src/numerics/half.js';
import { type ArrayData, type ArrayType, allocate, type NdArray } from '../src/numerics/nd-array.js';
import { describeShape, fits, makeTransform, type Preprocess } from './preprocess.js';
import type { SampleSet } from './sample-set.js';
import type { InputSpec } from './source.js';
import type { SlicedArray } from './stored-array.js';

/**
 * The samples of one input that an array holds, cut on axis 0. An array of the rank of a single sample is one sample.
 * Where the model's input has no batch axis (a scalar, or whatever has one axis less than the array), an entry of axis
 * 0 is a whole input.
 *
 * @param label - what the array is called: its file, or its place in one
 * @throws QuantizeError where it is empty, or does not fit the input
 */
export function arraySet(
  label: string,
  array: SlicedArray,
  input: InputSpec,
  preprocess: Preprocess | undefined,
): SampleSet {
  const { type, dims: all, slice } = withSampleAxis(array, input);
  const [total = 0, ...dims] = all;
  if (total === 0) throw new QuantizeError('data-empty', { path: label });
  const isWhole = hasNoBatchAxis(dims, input);
  const convert = converterOf(label, type, dims, isWhole ? withBatchAxis(input) : input, preprocess);
  return {
    label,
    length: total,
    preprocess: preprocess?.label ?? 'as stored',
    whole: new Set(isWhole ? [input.name] : []),
    sample: async (index) => ({ [input.name]: convert({ type, dims, data: await slice(index) }) }),
  };
}

/** Whether samples of these dimensions are whole inputs. */
export function hasNoBatchAxis(dims: readonly number[], { shape }: InputSpec): boolean {
  return shape !== undefined && dims.length === shape.length;
}

/** The input as it would be with a batch axis before the axes that it has. */
export function withBatchAxis(input: InputSpec): InputSpec {
  return { ...input, shape: input.shape && [undefined, ...input.shape] };
}

/** A single sample as an array of one; a scalar input takes any list, each element a sample. */
function withSampleAxis(array: SlicedArray, { shape }: InputSpec): SlicedArray {
  const rank = shape === undefined ? undefined : Math.max(shape.length - 1, 0);
  const isOneSample = array.dims.length === 0 || (array.dims.length === rank && shape?.length !== 0);
  return isOneSample ? array.asEntry() : array;
}

/** Integers fit a float input only by what the user says; the same type, or a narrower integer, fits as it is. */
export function converterOf(
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
