import { QuantizeError } from '../src/errors.js';
import { readNpy } from './readers/npy-format.js';

/**
 * The class of each sample, from a .npy of integers.
 *
 * @param expected - how many samples they belong to
 * @throws QuantizeError where there are more or fewer, or they are no list of integers
 */
export async function readLabels(path: string, expected: number): Promise<number[]> {
  const array = await readNpy(path);
  const isList = array.dims.length === 1 || (array.dims.length === 2 && array.dims[1] === 1);
  if (!isList || array.type.startsWith('float')) {
    const reason = `it holds ${array.type} [${array.dims.join(', ')}], where labels are a list of integers`;
    throw new QuantizeError('data-format', { path, reason, mend: 'Give the class index of each sample.' });
  }
  const labels = Array.from(array.data as ArrayLike<number | bigint>, Number);
  if (labels.length === expected) return labels;
  throw new QuantizeError('labels-mismatch', { path, found: labels.length, expected });
}
