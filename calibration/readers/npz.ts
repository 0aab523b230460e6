import { basename, extname } from 'node:path';
import { unzipSync } from 'fflate';
import { QuantizeError, reasonOf } from '../../src/errors.js';
import { arraySource } from '../array-source.js';
import { zipSources } from '../join.js';
import type { SampleSource } from '../source.js';
import { parseNpy, readBytes } from './npy-format.js';
import type { Reader, ReadRequest } from './reader.js';

/** NumPy's archive of arrays: one for each input, by its name; arrays of other names are left alone. */
export const npzReader: Reader = {
  name: 'npz',
  summary: 'NumPy arrays by input name',
  accepts: (path) => extname(path).toLowerCase() === '.npz',
  async read(request: ReadRequest): Promise<SampleSource> {
    const { path, inputs } = request;
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
    const sources = inputs.map((input) => {
      const bytes = files[`${input.name}.npy`];
      const label = `${basename(path)}:${input.name}`;
      if (!bytes)
        throw new QuantizeError('data-input-missing', { path, input: input.name, found: found.join(', ') });
      return arraySource(label, parseNpy(label, bytes), input, request);
    });
    return { ...zipSources(sources), label: basename(path) };
  },
};
