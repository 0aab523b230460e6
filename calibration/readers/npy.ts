import { basename, extname } from 'node:path';
import { QuantizeError } from '../../src/errors.js';
import { arraySet } from '../array-set.js';
import type { SampleSet } from '../sample-set.js';
import { readNpy } from './npy-format.js';
import type { Reader, ReadRequest } from './reader.js';

/** A NumPy array, for one input; see {@link arraySet}. */
export const npyReader: Reader = {
  name: 'npy',
  summary: 'a NumPy array, cut into samples on axis 0',
  accepts: (path) => extname(path).toLowerCase() === '.npy',
  async read(request: ReadRequest): Promise<SampleSet> {
    const { path, inputs, preprocess } = request;
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
    return arraySet(basename(path), await readNpy(path), input, preprocess);
  },
};
