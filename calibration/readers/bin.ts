import { basename } from 'node:path';
import { QuantizeError } from '../../src/errors.js';
import { elementCount } from '../../src/numerics/nd-array.js';
import { arraySet } from '../array-set.js';
import { sampleShapeOf } from '../batch-axis.js';
import { fileBytes } from '../byte-source.js';
import type { SampleSet } from '../sample-set.js';
import type { InputSpec } from '../source.js';
import { type StoredType, storedBytes, storedSlices } from '../stored-array.js';
import { onlyInput } from './one-input.js';
import type { Reader, ReadRequest } from './reader.js';

/**
 * Elements without any header, little-endian and row-major, one sample after the other. Type and shape of a sample are
 * those of the model's input, unless `--bin-dtype` and `--bin-shape` say otherwise.
 */
export const binReader: Reader = {
  name: '.bin',
  summary: 'raw little-endian elements, sample after sample',
  accepts: ({ extension }) => extension === '.bin' || extension === '.raw',
  async read(request: ReadRequest): Promise<SampleSet> {
    const { path, raw, preprocess } = request;
    const input = onlyInput(request);
    const stored = raw?.type ?? (input.type as StoredType);
    const shape = raw?.shape ?? shapeOf(path, input);
    const bytes = await fileBytes(path);
    const size = elementCount(shape) * storedBytes(stored);
    const total = bytes.sizeBytes / size;
    if (!Number.isInteger(total)) {
      const sample = `samples of ${stored} [${shape.join(', ')}], which have ${size} bytes each`;
      const reason = `its ${bytes.sizeBytes} bytes are no whole number of ${sample}`;
      const mend = 'Say what it holds: --bin-dtype uint8 --bin-shape 3x224x224, for example.';
      throw new QuantizeError('data-format', { path, reason, mend });
    }
    const array = { stored, dims: [total, ...shape], order: 'c', isBigEndian: false, bytes } as const;
    return arraySet(basename(path), storedSlices(array), input, preprocess);
  },
};

function shapeOf(path: string, input: InputSpec): number[] {
  const { name } = input;
  const sample = sampleShapeOf(input) ?? [undefined];
  if (sample.every((dim) => typeof dim === 'number' && dim > 0)) return sample as number[];
  const stated = sample.map((dim) => dim ?? '?').join(', ');
  const reason = `the model input "${name}" takes samples of [${stated}], which does not say how large one is`;
  throw new QuantizeError('data-format', { path, reason, mend: 'Say it with --bin-shape, as 3x224x224.' });
}
