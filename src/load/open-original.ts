import { QuantizeError, reasonOf } from '../errors.js';
import { Session } from '../runtime/session.js';

/**
 * A default session of the float model as its file has it: what the quantized model is compared with.
 *
 * @throws QuantizeError where the runtime refuses the model before anything was changed
 */
export async function openOriginal(
  path: string,
  bytes: Uint8Array,
  threads: number | undefined,
): Promise<Session> {
  try {
    return await Session.create(bytes, { mode: 'default', threads, label: path });
  } catch (thrown) {
    throw new QuantizeError('runtime-refused-input', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}
