import { basename, extname } from 'node:path';
import { QuantizeError } from '../../src/errors.js';
import { arraySource } from '../array-source.js';
import type { SampleSource } from '../source.js';
import { readNpy } from './npy-format.js';
import type { Reader, ReadRequest } from './reader.js';

/** A NumPy array, for one input; see {@link arraySource}. */
export const npyReader: Reader = {
  name: 'npy',
  summary: 'a NumPy array, cut into samples on axis 0',
  accepts: (path) => extname(path).toLowerCase() === '.npy',
  async read(request: ReadRequest): Promise<SampleSource> {
    const { path, inputs } = request;
    const [input, ...others] = inputs;
    if (!input || others.length > 0) {
      const names = inputs.map(({ name }) => name).join(', ');
      throw new QuantizeError('data-one-input', {
        path,
        count: inputs.length,
        names,
        first: input?.name ?? 'input',
      });
    }
    return arraySource(basename(path), await readNpy(path), input, request);
  },
};
