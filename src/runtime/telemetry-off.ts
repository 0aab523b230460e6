import { isMainThread } from 'node:worker_threads';
import { QuantizeError, reasonOf } from '../errors.js';

/**
 * What onnxruntime 1.30 asks for before it counts its users: without it every process with a session writes a device id
 * and a queue of events (the graph's name among them) under the user's cache, and sends them.
 */
const VARIABLE = 'ORT_DISABLE_TELEMETRY';

// On import, and so before the runtime that is imported behind this file. Programs started from here inherit it.
process.env[VARIABLE] = '1';

let off: Promise<void> | undefined;

/**
 * To be awaited before the first session: in a worker the variables are a copy that the runtime does not see, so the main
 * thread is asked to set its own.
 *
 * @throws QuantizeError `telemetry-on` where it cannot be asked
 */
export function telemetryOff(): Promise<void> {
  off ??= isMainThread ? Promise.resolve() : setInMainThread();
  return off;
}

async function setInMainThread(): Promise<void> {
  const expression = `process.env.${VARIABLE} = '1'`;
  // An answer that is waited for keeps no worker alive: it would end with exit code 13.
  const alive = setInterval(() => {}, 1000);
  try {
    const { Session } = await import('node:inspector/promises');
    const session = new Session();
    session.connectToMainThread();
    try {
      const { exceptionDetails } = await session.post('Runtime.evaluate', { expression });
      if (exceptionDetails) throw new Error(exceptionDetails.text);
    } finally {
      session.disconnect();
    }
  } catch (thrown) {
    const facts = { variable: VARIABLE, reason: reasonOf(thrown) };
    throw new QuantizeError('telemetry-on', facts, { cause: thrown });
  } finally {
    clearInterval(alive);
  }
}
