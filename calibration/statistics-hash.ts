import { createHash } from 'node:crypto';
import type { Statistics, TensorStatistics } from './statistics.js';

const hashes = new WeakMap<TensorStatistics, string>();

/**
 * SHA-256 of what was observed of some values: the same whether it comes from samples or from a file, and whatever else was
 * observed beside it.
 *
 * @param values - those that are not in the statistics count for nothing
 */
export function hashStatistics({ tensors }: Pick<Statistics, 'tensors'>, values: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const name of [...new Set(values)].sort()) {
    const tensor = tensors.get(name);
    if (tensor) hash.update(`${JSON.stringify(name)} ${hashOf(tensor)}\n`);
  }
  return hash.digest('hex');
}

function hashOf(tensor: TensorStatistics): string {
  const known = hashes.get(tensor);
  if (known !== undefined) return known;
  const { counts, samples, nonFinite } = tensor;
  const ranges = Float64Array.from(samples.flatMap(({ min, max }) => [min, max]));
  const hash = createHash('sha256').update(
    new Uint8Array(counts.buffer, counts.byteOffset, counts.byteLength),
  );
  const found = hash.update(new Uint8Array(ranges.buffer)).update(String(nonFinite)).digest('hex');
  hashes.set(tensor, found);
  return found;
}
