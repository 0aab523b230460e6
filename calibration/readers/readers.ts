import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { QuantizeError } from '../../src/errors.js';
import { fileError } from '../../src/files/open.js';
import type { SampleSet } from '../sample-set.js';
import { binReader } from './bin.js';
import { imagesReader } from './images.js';
import { moduleReader } from './module.js';
import { npyReader } from './npy.js';
import { npzReader } from './npz.js';
import { onnxTestDataReader } from './onnx-test-data.js';
import type { PathKind, Reader, ReadRequest } from './reader.js';
import { safetensorsReader } from './safetensors.js';
import { textReader } from './text.js';

/** The sample formats, in the order in which a path is offered to them; the images take every folder that is left. */
export const readers: readonly Reader[] = [
  npyReader,
  npzReader,
  safetensorsReader,
  binReader,
  textReader,
  onnxTestDataReader,
  imagesReader,
  moduleReader,
];

/**
 * Open samples with the first reader that knows the format.
 *
 * @throws QuantizeError where none does, or there is no such path
 */
export async function openSamples(request: ReadRequest): Promise<SampleSet> {
  const kind = await kindOf(request.path);
  for (const reader of readers) if (await reader.accepts(kind)) return reader.read(request);
  const known = readers.map(({ name, summary }) => `${name} (${summary})`).join(', ');
  throw new QuantizeError('data-format', {
    path: request.path,
    reason: 'its format is not known',
    mend: `Formats: ${known}.`,
  });
}

async function kindOf(path: string): Promise<PathKind> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    return { path, isFolder, extension: isFolder ? '' : extname(path).toLowerCase() };
  } catch (thrown) {
    throw fileError(path, thrown);
  }
}
