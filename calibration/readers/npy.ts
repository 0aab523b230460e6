import { basename } from 'node:path';
import { arraySet } from '../array-set.js';
import type { SampleSet } from '../sample-set.js';
import { storedSlices } from '../stored-array.js';
import { openNpyFile } from './npy-format.js';
import { onlyInput } from './one-input.js';
import type { Reader, ReadRequest } from './reader.js';

/** A NumPy array, for one input; see {@link arraySet}. */
export const npyReader: Reader = {
  name: '.npy',
  summary: 'a NumPy array, cut into samples on axis 0',
  accepts: ({ extension }) => extension === '.npy',
  async read(request: ReadRequest): Promise<SampleSet> {
    const input = onlyInput(request);
    const array = storedSlices(await openNpyFile(request.path));
    return arraySet(basename(request.path), array, input, request.preprocess);
  },
};
