import { QuantizeError, reasonOf } from '../errors.js';
import type { Model } from '../graph/model.js';
import type { Feed } from '../numerics/nd-array.js';
import { readBack } from '../proto/read-back.js';
import { withSession } from '../runtime/session.js';

/**
 * Look at a model as its users will, before it is written: a second decoder reads the same from its bytes, and a
 * default session loads and runs it.
 *
 * @throws QuantizeError `written-file-broken`
 */
export async function checkModel(bytes: Uint8Array, model: Model, feed: Feed): Promise<void> {
  const difference = readBack(bytes, model);
  if (difference) throw new QuantizeError('written-file-broken', { reason: difference });
  try {
    await withSession(bytes, { mode: 'default' }, (session) => session.run(feed));
  } catch (thrown) {
    throw new QuantizeError('written-file-broken', { reason: reasonOf(thrown) }, { cause: thrown });
  }
}
