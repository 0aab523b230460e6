import { escapeControls } from '../report/escape.js';
import type { ProgressDisplay } from './progress.js';
import type { Output } from './streams.js';

/**
 * Everything that happens, in lines: each step with its time once it is done, and below it what it did.
 *
 * @param display - shows the samples of the step at work
 * @param now - a clock in milliseconds
 */
export function verbosely(
  stderr: Output,
  display: ProgressDisplay,
  now: () => number = () => performance.now(),
): ProgressDisplay {
  let step: string | undefined;
  let begun = now();
  let details: string[] = [];
  const finish = () => {
    if (step === undefined) return;
    const seconds = ((now() - begun) / 1000).toFixed(2);
    const lines = [`${step}: ${seconds} s`, ...details.map((detail) => `  ${detail}`)];
    stderr.write(`${lines.map(escapeControls).join('\n')}\n`);
    step = undefined;
    details = [];
  };
  return {
    onStep(next) {
      display.stop();
      finish();
      step = next;
      begun = now();
      display.onStep(next);
    },
    onProgress: display.onProgress,
    onEstimate(estimate) {
      details.push(`${estimate.passes} passes, about ${Math.ceil(estimate.estimateBytes / 2 ** 20)} MiB`);
    },
    onDetail(detail) {
      details.push(detail);
    },
    stop() {
      display.stop();
      finish();
    },
  };
}
