import { basename, extname } from 'node:path';
import { unzipSync } from 'fflate';
import { QuantizeError, reasonOf } from '../../src/errors.js';
import { arraySet } from '../array-set.js';
import { type SampleSet, zipSets } from '../sample-set.js';
import { parseNpy, readBytes } from './npy-format.js';
import type { Reader, ReadRequest } from './reader.js';

/** NumPy's archive of arrays: one for each input, by its name; arrays of other names are left alone. */
export const npzReader: Reader = {
  name: 'npz',
  summary: 'NumPy arrays by input name',
  accepts: (path) => extname(path).toLowerCase() === '.npz',
  async read(request: ReadRequest): Promise<SampleSet> {
    const { path, inputs, preprocess } = request;
    const wanted = new Set(inputs.map(({ name }) => `${name}.npy`));
    const found: string[] = [];
    let files: Record<string, Uint8Array>;
    try {
      files = unzipSync(await readBytes(path), {
        filter: ({ name }) => {
          found.push(name.replace(/\.npy$/, ''));
          return wanted.has(name);
        },
      });
    } catch (thrown) {
      if (thrown instanceof QuantizeError) throw thrown;
      const facts = {
        path,
        reason: `it is no .npz file (${reasonOf(thrown)})`,
        mend: 'Save it again with numpy.savez.',
      };
      throw new QuantizeError('data-format', facts, { cause: thrown });
    }
    const sets = inputs.map((input) => {
      const bytes = files[`${input.name}.npy`];
      const label = `${basename(path)}:${input.name}`;
      if (!bytes)
        throw new QuantizeError('data-input-missing', { path, input: input.name, found: found.join(', ') });
      return arraySet(label, parseNpy(label, bytes), input, preprocess);
    });
    return { ...zipSets(sets), label: basename(path) };
  },
};
