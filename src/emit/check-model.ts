import { join } from 'node:path';
import { QuantizeError, reasonOf } from '../errors.js';
import type { Model } from '../graph/model.js';
import type { Feed } from '../numerics/nd-array.js';
import { readBytes } from '../proto/file-range.js';
import { readBack } from '../proto/read-back.js';
import { withSession } from '../runtime/session.js';

/**
 * Read what was written through a second decoder.
 *
 * @param folder - where the second file of the model is, if it has one
 * @throws QuantizeError `written-file-broken`
 */
export function checkBytes(bytes: Uint8Array, model: Model, folder?: string): void {
  const difference = readBack(bytes, model, (location, offset, length) =>
    readBytes(join(folder ?? '', location), offset, length),
  );
  if (difference) throw new QuantizeError('written-file-broken', { reason: difference });
}

/**
 * Load a model in a default session, and run it.
 *
 * @param source - the bytes of a .onnx file, or its path
 * @param feed - without one it is loaded alone
 * @throws QuantizeError `written-file-broken`
 */
export async function checkRuns(source: Uint8Array | string, feed: Feed | undefined): Promise<void> {
  try {
    await withSession(source, { mode: 'default' }, async (session) => {
      if (feed) await session.run(feed);
    });
  } catch (thrown) {
    throw new QuantizeError('written-file-broken', { reason: reasonOf(thrown) }, { cause: thrown });
  }
}
