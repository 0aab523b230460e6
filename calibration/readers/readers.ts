import { QuantizeError } from '../../src/errors.js';
import type { SampleSet } from '../sample-set.js';
import { npyReader } from './npy.js';
import { npzReader } from './npz.js';
import type { Reader, ReadRequest } from './reader.js';

/** The sample formats, in the order in which a path is offered to them. */
export const readers: readonly Reader[] = [npyReader, npzReader];

/**
 * Open samples with the first reader that knows the format.
 *
 * @throws QuantizeError where none does
 */
export async function openSamples(request: ReadRequest): Promise<SampleSet> {
  const reader = readers.find((candidate) => candidate.accepts(request.path));
  if (reader) return reader.read(request);
  const known = readers.map(({ name, summary }) => `.${name} (${summary})`).join(', ');
  throw new QuantizeError('data-format', {
    path: request.path,
    reason: 'its format is not known',
    mend: `Formats: ${known}.`,
  });
}
