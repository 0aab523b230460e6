import { fileBytes } from '../byte-source.js';
import type { SampleSet } from '../sample-set.js';
import { namedArrays } from './named-arrays.js';
import { openNpy } from './npy-format.js';
import type { Reader, ReadRequest } from './reader.js';
import { readZip } from './zip.js';

/** NumPy's archive of arrays: one for each input, by its name; arrays of other names are left alone. */
export const npzReader: Reader = {
  name: '.npz',
  summary: 'NumPy arrays by input name',
  accepts: ({ extension }) => extension === '.npz',
  async read(request: ReadRequest): Promise<SampleSet> {
    const entries = await readZip(request.path, await fileBytes(request.path));
    const byName = new Map(entries.map((entry) => [entry.name.replace(/\.npy$/, ''), entry]));
    return namedArrays(request, [...byName.keys()], async (name, label) => {
      const entry = byName.get(name);
      if (!entry) throw new Error(`${name} is not in the archive`);
      return openNpy(label, await entry.open());
    });
  },
};
