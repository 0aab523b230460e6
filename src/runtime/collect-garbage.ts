import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Give back the memory of what is not held any more. Memory that the runtime takes is nothing that V8 counts: while a
 * session is made, gigabytes of dead buffers would stay beside it.
 */
export function collectGarbage(): void {
  // The one way to the collector for a program that was started without --expose-gc.
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
}
