import { QuantizeError } from '../errors.js';
import { type Session, withSession } from '../runtime/session.js';
import type { LoadedModel } from './load-model.js';

/**
 * Work with a session of the float model as its file has it. By its path, where it runs as it is: tensors in other files
 * are found from there.
 *
 * @throws QuantizeError where the runtime refuses the model before anything was changed
 */
export async function withOriginal<T>(
  { path, runs }: Pick<LoadedModel, 'path' | 'runs'>,
  threads: number | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  let loaded = false;
  try {
    return await withSession(runs, { mode: 'basic', threads, label: path }, (session) => {
      loaded = true;
      return work(session);
    });
  } catch (thrown) {
    if (loaded || !(thrown instanceof QuantizeError) || thrown.code !== 'runtime-refused') throw thrown;
    const { reason = '' } = thrown.facts;
    throw new QuantizeError('runtime-refused-input', { path, reason }, { cause: thrown });
  }
}
