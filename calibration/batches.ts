import { allocate, elementCount, type NdArray } from '../src/numerics/nd-array.js';
import type { Batch, InputSpec } from './source.js';

/**
 * Cut the samples of one input into runs of the model.
 *
 * A run takes `size` samples; the last one is filled up with the first samples again, which `Batch.samples` does not
 * count.
 *
 * @param samples - how many there are
 * @param sample - sample `i` as an array, without the batch axis
 */
export async function* batchesOf(
  input: string,
  size: number,
  samples: number,
  sample: (index: number) => NdArray,
): AsyncGenerator<Batch> {
  for (let start = 0; start < samples; start += size) {
    const counted = Math.min(size, samples - start);
    const parts = Array.from({ length: size }, (_, i) => sample((start + i) % samples));
    yield { feed: { [input]: stack(parts) }, samples: counted };
  }
}

/** Samples that one run takes: the fixed batch dimension of the inputs, 1 where all are dynamic. */
export function batchSizeOf(inputs: readonly InputSpec[]): number {
  const fixed = inputs.map(({ shape }) => shape?.[0]).filter((dim) => typeof dim === 'number');
  return Math.max(1, ...fixed);
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
