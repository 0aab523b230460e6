import { QuantizeError, reasonOf } from '../errors.js';
import { type Session, withSession } from '../runtime/session.js';

/**
 * Work with a session of the float model as its file has it. By its path: tensors in other files are found from there.
 *
 * @throws QuantizeError where the runtime refuses the model before anything was changed
 */
export async function withOriginal<T>(
  path: string,
  threads: number | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  let loaded = false;
  try {
    return await withSession(path, { mode: 'basic', threads, label: path }, (session) => {
      loaded = true;
      return work(session);
    });
  } catch (thrown) {
    if (loaded) throw thrown;
    throw new QuantizeError('runtime-refused-input', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}
