import { basename } from 'node:path';
import { QuantizeError } from '../../src/errors.js';
import { arraySet } from '../array-set.js';
import { type SampleSet, zipSets } from '../sample-set.js';
import { type StoredArray, storedSlices } from '../stored-array.js';
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
  const sets: SampleSet[] = [];
  for (const input of inputs) {
    const name = isOnly && only !== undefined ? only : input.name;
    if (!found.includes(name)) {
      const facts = { path, input: input.name, found: found.join(', ') || 'nothing' };
      throw new QuantizeError('data-input-missing', facts);
    }
    const label = `${basename(path)}: ${name}`;
    sets.push(arraySet(label, storedSlices(await open(name, label)), input, preprocess));
  }
  return { ...zipSets(sets), label: basename(path) };
}
