import { basename } from 'node:path';
import { QuantizeError } from '../../src/errors.js';
import { arraySet, samplesIn } from '../array-set.js';
import { type SampleSet, zipSets } from '../sample-set.js';
import type { InputSpec } from '../source.js';
import { type SlicedArray, type StoredArray, storedSlices } from '../stored-array.js';
import type { ReadRequest } from './reader.js';

/**
 * The samples of a file that holds arrays by name: each input takes the one of its name, and the only one in the file
 * serves the only input whatever it is called; others are left alone.
 *
 * @param found - the names in the file
 * @param open - opens the array of a name, under the label that messages call it by
 * @throws QuantizeError `data-input-missing` where an input has none
 */
export async function namedArrays(
  { path, inputs, preprocess }: ReadRequest,
  found: readonly string[],
  open: (name: string, label: string) => Promise<StoredArray>,
): Promise<SampleSet> {
  const [only, ...others] = found;
  const isOnly = inputs.length === 1 && others.length === 0;
  const arrays: { input: InputSpec; label: string; array: SlicedArray }[] = [];
  for (const input of inputs) {
    const name = isOnly && only !== undefined ? only : input.name;
    if (!found.includes(name)) {
      const facts = { path, input: input.name, found: found.join(', ') || 'nothing' };
      throw new QuantizeError('data-input-missing', facts);
    }
    const label = `${basename(path)}: ${name}`;
    arrays.push({ input, label, array: storedSlices(await open(name, label)) });
  }
  // What one input leaves open, the others tell: as many samples.
  const counts = new Set(arrays.flatMap(({ array, input }) => samplesIn(array, input) ?? []));
  const count = counts.size === 1 ? [...counts][0] : undefined;
  const sets = arrays.map(({ label, array, input }) => arraySet(label, array, input, preprocess, count));
  return { ...zipSets(sets), label: basename(path) };
}
