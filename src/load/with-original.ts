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
  { path, runs, isGiven }: Pick<LoadedModel, 'path' | 'runs' | 'isGiven'>,
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
    if (isGiven) throw refuseGiven(String(reason), thrown);
    throw new QuantizeError('runtime-refused-input', { path, reason }, { cause: thrown });
  }
}

function refuseGiven(reason: string, cause: QuantizeError): QuantizeError {
  const problem = `(or --set) makes a model that does not compute: ${reason}`;
  const mend =
    'Other sizes stand in the model itself: give the one that it states, or export it for the other.';
  return new QuantizeError('bad-option', { flag: '--shape', problem, mend }, { cause });
}
