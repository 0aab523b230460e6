import type { RunHooks } from '../options.js';
import { showProgress } from './progress.js';
import type { VoiceFlags } from './sample-options.js';
import type { CommandProcess } from './streams.js';
import { verbosely } from './verbose.js';

/**
 * Do the work of a command: progress on stderr, and Ctrl-C stops it between two runs of the model. A second Ctrl-C ends
 * the process at once, as it does by default.
 */
export async function follow<T>(
  process: CommandProcess,
  { quiet, verbose }: VoiceFlags,
  work: (hooks: RunHooks) => Promise<T>,
): Promise<T> {
  const progress = showProgress(process.stderr, quiet === true);
  const display = verbose ? verbosely(process.stderr, progress) : progress;
  const controller = new AbortController();
  const stop = () => {
    // The step at work may take seconds to end.
    display.stop();
    process.stderr.write('stopping after this step; Ctrl-C again ends at once\n');
    controller.abort();
  };
  process.once?.('SIGINT', stop);
  try {
    const { onStep, onProgress, onEstimate, onDetail } = display;
    return await work({ onStep, onProgress, onEstimate, onDetail, signal: controller.signal });
  } finally {
    process.removeListener?.('SIGINT', stop);
    display.stop();
  }
}
