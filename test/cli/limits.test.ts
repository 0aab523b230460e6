import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addLimitOptions, type LimitFlags, limitsOf } from '../../src/cli/limits.js';
import { expectRefusal } from '../support/refusal.js';

const limitsFrom = (...args: string[]) => {
  const command = addLimitOptions(new Command()).exitOverride();
  command.parse(args, { from: 'user' });
  return limitsOf(command.opts<LimitFlags>());
};

describe('the flags of the limits', () => {
  it.each([
    [['--max-drop', '0.5%'], { maxDrop: 0.005 }],
    [['--max-drop', '0 %'], { maxDrop: 0 }],
    [['--min-sqnr', '30'], { minSqnrDb: 30 }],
    [['--min-sqnr', '30.5 dB'], { minSqnrDb: 30.5 }],
    [['--max-size', '300KB'], { maxBytes: 300_000 }],
    [['--max-size', '1.5 MiB'], { maxBytes: 1_572_864 }],
    [['--max-size', '1000', '--max-drop', '1%'], { maxBytes: 1000, maxDrop: 0.01 }],
  ])('%j', (args, limits) => {
    const found = Object.entries(limitsFrom(...args)).filter(([, value]) => value !== undefined);
    expect(Object.fromEntries(found)).toEqual(limits);
  });

  it.each([
    ['--max-drop', '0.5'],
    ['--max-drop', '-1%'],
    ['--max-drop', ''],
    ['--min-sqnr', '30%'],
    ['--max-size', '300 pages'],
    ['--max-size', 'constructor'],
  ])('refuse %s %j', async (flag, value) => {
    const { message } = await expectRefusal(() => limitsFrom(`${flag}=${value}`), 'bad-option', 2);
    expect(message).toContain(flag);
  });
});
