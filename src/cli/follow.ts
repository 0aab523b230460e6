import type { RunHooks } from '../options.js';
import { showProgress } from './progress.js';
import type { CommandProcess } from './streams.js';

/**
 * Do the work of a command: progress on stderr, and Ctrl-C stops it between two runs of the model. A second Ctrl-C ends
 * the process at once, as it does by default.
 */
export async function follow<T>(
  process: CommandProcess,
  quiet: boolean | undefined,
  work: (hooks: RunHooks) => Promise<T>,
): Promise<T> {
  const display = showProgress(process.stderr, quiet === true);
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once?.('SIGINT', stop);
  try {
    const { onStep, onProgress } = display;
    return await work({ onStep, onProgress, signal: controller.signal });
  } finally {
    process.removeListener?.('SIGINT', stop);
    display.stop();
  }
}
