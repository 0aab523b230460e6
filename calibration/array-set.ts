import { QuantizeError } from '../src/errors.js';
import { numberToHalf } from '../src/numerics/half.js';
import {
  type ArrayData,
  type ArrayType,
  allocate,
  elementCount,
  type NdArray,
} from '../src/numerics/nd-array.js';
import { asWhole, batchAxisOf, sampleShapeOf, withAxis } from './batch-axis.js';
import { describeShape, fits, makeTransform, type Preprocess } from './preprocess.js';
import type { SampleSet } from './sample-set.js';
import type { InputSpec } from './source.js';
import type { SlicedArray } from './stored-array.js';

/** Samples without elements take no bytes, so that no file's size bounds their number; a decoder's empty past is one of few. */
const MOST_EMPTY = 2 ** 16;

/**
 * The samples of one input that an array holds, cut on axis 0. An array of the rank of a single sample is one sample.
 * Where the model's input has no batch axis (a scalar, or whatever has one axis less than the array), an entry of axis
 * 0 is a whole input. Where the batch is another axis of the input, the array may have the input's own layout.
 *
 * @param label - what the array is called: its file, or its place in one
 * @param layout - `as-input` where the array surely is a batch of the input's own layout, a number where the other inputs
 *   have so many samples; found from the shapes without it
 * @throws QuantizeError where it is empty, or does not fit the input
 */
export function arraySet(
  label: string,
  array: SlicedArray,
  input: InputSpec,
  preprocess: Preprocess | undefined,
  layout?: 'as-input' | number,
): SampleSet {
  const axis = batchAxisOf(input) ?? 0;
  const isAsInput = layout === 'as-input' && axis > 0;
  const { type, dims: all, slice } = isAsInput ? alongAxis(array, axis) : chosen(label, array, input, layout);
  const [total = 0, ...dims] = all;
  if (total === 0) throw new QuantizeError('data-empty', { path: label });
  if (elementCount(dims) === 0 && total > MOST_EMPTY) {
    const reason = `it says to hold ${total} samples of [${dims.join(', ')}], which have no elements`;
    throw new QuantizeError('data-format', {
      path: label,
      reason,
      mend: 'Give samples that hold something.',
    });
  }
  const isWhole = hasNoBatchAxis(dims, input);
  const convert = converterOf(label, type, dims, isWhole ? asWhole(input) : input, preprocess);
  return {
    label,
    length: total,
    preprocess: preprocess?.label ?? 'as stored',
    whole: new Set(isWhole ? [input.name] : []),
    ...(isSetting(array, input) && { isForAll: true }),
    sample: async (index) => ({ [input.name]: convert({ type, dims, data: await slice(index) }) }),
  };
}

/** Whether an array is a number or a short list for every run, as a sampling rate is: just what the input takes. */
function isSetting({ dims }: SlicedArray, input: InputSpec): boolean {
  const { shape } = input;
  if (shape === undefined || shape.length > 1 || dims.join() !== shape.join()) return false;
  return batchAxisOf(input) === undefined || shape[0] === 1;
}

/**
 * How many samples of an input an array holds; undefined where that can be read in two ways, or where it serves all.
 */
export function samplesIn(array: SlicedArray, input: InputSpec): number | undefined {
  const [reading, ...others] = readingsOf(array, input);
  return others.length > 0 || isSetting(array, input) ? undefined : reading?.dims[0];
}

/** Whether samples of these dimensions are whole inputs. */
function hasNoBatchAxis(dims: readonly number[], input: InputSpec): boolean {
  const { shape } = input;
  return shape !== undefined && (dims.length === shape.length || batchAxisOf(input) === undefined);
}

/** The way to read an array that the number of samples of other inputs leaves, or else the likeliest. */
function chosen(
  label: string,
  array: SlicedArray,
  input: InputSpec,
  samples: number | string | undefined,
): SlicedArray {
  const readings = readingsOf(array, input);
  const [first = array, second] = readings;
  if (!second) return first;
  const [fitting, ...others] = readings.filter(({ dims }) => dims[0] === samples);
  if (fitting && others.length === 0) return fitting;
  const axis = batchAxisOf(input) ?? 0;
  // A run of one sample holds no others beside it: the samples stand one after the other.
  if (typeof input.shape?.[axis] === 'number') return first;
  throw ambiguous(label, array.dims, input, axis);
}

/**
 * The ways to read an array as samples one after the other, the likeliest first: a single sample is an array of one, and
 * a scalar input takes any list, each element a sample.
 */
function readingsOf(array: SlicedArray, input: InputSpec): SlicedArray[] {
  const { dims } = array;
  const isOneSample = dims.length === 0 || (dims.length === sampleShapeOf(input)?.length && dims.length > 0);
  if (isOneSample) return [array.asEntry()];
  const axis = batchAxisOf(input) ?? 0;
  const { shape } = input;
  const isOwnLayout = axis > 0 && fits(dims, shape?.with(axis, undefined)) && dims.length === shape?.length;
  if (!isOwnLayout) return [array];
  const own = alongAxis(array, axis);
  if (!fits(dims.slice(1), sampleShapeOf(input))) return [own];
  return shape[axis] === dims[axis] ? [own, array] : [array, own];
}

/** Both the samples one after the other and a batch of the model's own layout would have this shape. */
function ambiguous(path: string, dims: readonly number[], input: InputSpec, axis: number): QuantizeError {
  const stated = input.shape?.map((dim) => dim ?? '?').join(', ');
  const form = ['samples', ...withAxis(dims.slice(1), axis, 1)].join(', ');
  const reason = `its shape [${dims.join(', ')}] fits the input "${input.name}" [${stated}] in two ways: the samples may be its axis 0 or its axis ${axis}`;
  const mend = `Give whole inputs, with a batch of 1 in each: [${form}].`;
  return new QuantizeError('data-format', { path, reason, mend });
}

/** The samples of an array that stand on another axis than the first. */
function alongAxis(array: SlicedArray, axis: number): SlicedArray {
  const { type, dims, slice } = array;
  const [first = 0, ...others] = dims;
  const own = dims.filter((_, at) => at !== axis);
  const inner = elementCount(dims.slice(axis + 1));
  const total = dims[axis] ?? 0;
  const outer = elementCount(others.slice(0, axis - 1));
  const along: SlicedArray = {
    type,
    dims: [total, ...own],
    async slice(index) {
      const sample = allocate(type, elementCount(own));
      for (let i = 0; i < first; i++) {
        const entry = await slice(i);
        for (let j = 0; j < outer; j++) {
          const from = (j * total + index) * inner;
          sample.set(entry.subarray(from, from + inner) as never, (i * outer + j) * inner);
        }
      }
      return sample;
    },
    asEntry: () => {
      throw new Error('the samples of an array are no sample');
    },
  };
  return along;
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
  if (!fits(dims, sampleShapeOf(input))) {
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
