import { allocate, elementCount, type NdArray } from '../src/numerics/nd-array.js';
import type { Batch, InputSpec } from './source.js';

/**
 * Cut samples into runs of the model, one sample a run where the batch dimension is dynamic.
 *
 * A fixed batch dimension of B takes B samples a run; the last run is filled up with the first samples again, which
 * `Batch.samples` does not count.
 *
 * @param samples - how many there are
 * @param sample - sample `i` as an array, without the batch axis
 */
export async function* batchesOf(
  input: InputSpec,
  samples: number,
  sample: (index: number) => NdArray,
): AsyncGenerator<Batch> {
  const size = batchSize(input);
  for (let start = 0; start < samples; start += size) {
    const counted = Math.min(size, samples - start);
    const parts = Array.from({ length: size }, (_, i) => sample((start + i) % samples));
    yield { feed: { [input.name]: stack(parts) }, samples: counted };
  }
}

/** Samples that one run takes: the fixed batch dimension, 1 where it is dynamic. */
export function batchSize(input: InputSpec): number {
  const [first] = input.shape;
  return typeof first === 'number' && first > 0 ? first : 1;
}

function stack(parts: readonly NdArray[]): NdArray {
  const [first] = parts;
  if (!first) throw new Error('a batch holds at least one sample');
  const dims = [parts.length, ...first.dims];
  if (parts.length === 1) return { type: first.type, dims, data: first.data };
  const data = allocate(first.type, elementCount(dims));
  parts.forEach((part, index) => {
    data.set(part.data as never, index * elementCount(first.dims));
  });
  return { type: first.type, dims, data };
}
