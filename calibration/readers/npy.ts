import { basename, extname } from 'node:path';
import { QuantizeError } from '../../src/errors.js';
import { elementCount, type NdArray } from '../../src/numerics/nd-array.js';
import { batchesOf } from '../batches.js';
import { fits, makeTransform } from '../preprocess.js';
import { chooseSamples } from '../sampling.js';
import type { InputSpec, SampleSource } from '../source.js';
import { readNpy } from './npy-format.js';
import type { Reader, ReadRequest } from './reader.js';

/** A NumPy array whose first axis is the samples; one of the rank of a single sample is one sample. */
export const npyReader: Reader = {
  name: 'npy',
  summary: 'a NumPy array, cut into samples on axis 0',
  accepts: (path) => extname(path).toLowerCase() === '.npy',
  async read(request: ReadRequest): Promise<SampleSource> {
    const { path, input } = request;
    const array = withSampleAxis(await readNpy(path), input);
    const [total = 0, ...dims] = array.dims;
    if (total === 0) throw new QuantizeError('data-empty', { path });
    const convert = converterOf(request, array, dims);
    const chosen = chooseSamples(total, request.samples, request.seed);
    const size = elementCount(dims);
    const sample = (index: number): NdArray => {
      const at = (chosen[index] ?? 0) * size;
      return convert({ type: array.type, dims, data: array.data.slice(at, at + size) });
    };
    return {
      label: basename(path),
      length: chosen.length,
      preprocess: request.preprocess?.label ?? 'as stored',
      open: () => batchesOf(input, chosen.length, sample),
    };
  },
};

function withSampleAxis(array: NdArray, input: InputSpec): NdArray {
  const isOneSample = array.dims.length === input.shape.length - 1;
  return isOneSample ? { ...array, dims: [1, ...array.dims] } : array;
}

/** Integers fit a float input only by what the user says; the same type fits as it is. */
function converterOf(
  request: ReadRequest,
  array: NdArray,
  dims: readonly number[],
): (sample: NdArray) => NdArray {
  const { path, input, preprocess } = request;
  if (input.type === 'float32') {
    if (!preprocess && !array.type.startsWith('float')) {
      throw new QuantizeError('data-needs-preprocess', { path, type: array.type, input: input.name });
    }
    const transform = makeTransform(path, dims, input, preprocess);
    return (sample) => ({ type: 'float32', dims: transform.dims, data: transform.apply(sample) });
  }
  if (array.type !== input.type) {
    throw new QuantizeError('data-type', { path, type: array.type, input: input.name, expected: input.type });
  }
  if (!fits(dims, input.shape.slice(1))) {
    const expected = input.shape.map((dim) => dim ?? '?').join(', ');
    const mend = 'Save the samples in the shape that the model takes.';
    throw new QuantizeError('data-shape', {
      path,
      found: dims.join(', '),
      input: input.name,
      expected,
      mend,
    });
  }
  return (sample) => sample;
}
