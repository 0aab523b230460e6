import { expect, it } from 'vitest';
import { showProgress } from '../../src/cli/progress.js';
import { verbosely } from '../../src/cli/verbose.js';

it('names each step with its time, and below it what it did', () => {
  let text = '';
  let clock = 0;
  const stderr = {
    write(part: string) {
      text += part;
    },
  };
  const display = verbosely(stderr, showProgress(stderr, false), () => clock);
  display.onStep('fold');
  display.onDetail('Identity is left out (3)');
  clock = 1234;
  display.onStep('calibrate');
  display.onEstimate({ passes: 2, estimateBytes: 3 * 2 ** 20 });
  clock = 1300;
  display.stop();
  display.stop();
  expect(text.split('\n')).toEqual([
    'fold: 1.23 s',
    '  Identity is left out (3)',
    'calibrate: 0.07 s',
    '  2 passes, about 3 MiB',
    '',
  ]);
});

it('shows control characters of names and does not obey them', () => {
  let text = '';
  const stderr = {
    write(part: string) {
      text += part;
    },
  };
  const display = verbosely(stderr, showProgress(stderr, true));
  display.onStep('fold');
  display.onDetail('d\u001b[2K\n::warning::forged\u200b\u2028.npy');
  display.stop();
  expect(text.split('\n').slice(1)).toEqual(['  d\\u001b[2K\\u000a::warning::forged\\u200b\\u2028.npy', '']);
});
