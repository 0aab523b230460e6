import { describe, expect, it } from 'vitest';
import { follow } from '../../src/cli/follow.js';
import { showProgress } from '../../src/cli/progress.js';
import type { CommandProcess } from '../../src/cli/streams.js';

/** A stream that keeps what is written. */
function stream(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, written, write: (text: string) => written.push(text) };
}

/** A run of 1,000 samples at one a second, on a clock of its own. */
function runOn(stderr: ReturnType<typeof stream>, quiet = false, samples = 1000) {
  let seconds = 0;
  const display = showProgress(stderr, quiet, () => 1000 * seconds);
  display.onStep('load');
  display.onStep('calibrate');
  for (let done = 1; done <= samples; done++) {
    seconds++;
    display.onProgress({ step: 'calibrate', done, total: samples });
  }
  display.stop();
  return stderr.written;
}

describe('without a terminal', () => {
  it('writes a line each half minute', () => {
    const lines = runOn(stream(false));
    expect(lines).toHaveLength(33);
    expect(lines[0]).toBe('calibrate: 30 of 1000 samples, 1.0/s, 17 min left\n');
    expect(lines[32]).toBe('calibrate: 990 of 1000 samples, 1.0/s, 10 s left\n');
  });

  it('says what it counts, where that is not samples', () => {
    let seconds = 0;
    const stderr = stream(false);
    const display = showProgress(stderr, false, () => 1000 * seconds);
    display.onStep('refine');
    for (let done = 1; done <= 40; done++) {
      seconds++;
      display.onProgress({ step: 'refine', done, total: 80, unit: 'steps' });
    }
    expect(stderr.written).toEqual([
      'refine: 80 steps, about 2 min\n',
      'refine: 30 of 80 steps, 1.0/s, 50 s left\n',
    ]);
  });

  it('says what a training will take, from its first seconds, then its rate, the time left and the loss', () => {
    let seconds = 0;
    const stderr = stream(false);
    const display = showProgress(stderr, false, () => 1000 * seconds);
    display.onStep('refine');
    const report = (part: string, done: number, loss?: number) => {
      seconds++;
      display.onProgress({ step: 'refine', done, total: 100, unit: 'steps', part, loss });
    };
    // What another refiner took says nothing.
    for (let done = 0; done < 3; done++) report('second-order', done);
    for (let done = 1; done <= 40; done++) report('reconstruct', done, 1 / done);
    expect(stderr.written).toEqual([
      'refine reconstruct: 100 steps, about 2 min\n',
      'refine reconstruct: 27 of 100 steps, 1.0/s, 2 min left, loss 0.0370\n',
    ]);
  });

  it('writes nothing for a short run', () => {
    expect(runOn(stream(false), false, 29)).toEqual([]);
  });
});

describe('on a terminal', () => {
  it('shows the step, then a bar, and leaves an empty line', () => {
    const text = runOn(stream(true), false, 8).join('');
    expect(text).toContain('load …');
    expect(text).toContain('calibrate …');
    expect(text).toContain(`calibrate ███${'░'.repeat(21)} 1/8 samples`);
    expect(text).not.toContain('\n');
    expect(text.endsWith('\r\u001b[K')).toBe(true);
  });
});

it('writes nothing where it is to be quiet', () => {
  expect([runOn(stream(true), true), runOn(stream(false), true)]).toEqual([[], []]);
});

describe('follow', () => {
  const processOn = () => {
    const listeners: (() => void)[] = [];
    const fake: CommandProcess = {
      argv: [],
      stdout: stream(false),
      stderr: stream(false),
      once: (_, listener) => listeners.push(listener),
      removeListener: (_, listener) => listeners.splice(listeners.indexOf(listener), 1),
    };
    return { fake, listeners };
  };

  it('aborts the signal on Ctrl-C', async () => {
    const { fake, listeners } = processOn();
    const aborted = await follow(fake, {}, async ({ signal }) => {
      listeners[0]?.();
      return signal?.aborted;
    });
    expect(aborted).toBe(true);
  });

  it('leaves no listener behind, whatever happens', async () => {
    const { fake, listeners } = processOn();
    const work = async () => {
      expect(listeners).toHaveLength(1);
      throw new Error('broken');
    };
    await expect(follow(fake, {}, work)).rejects.toThrow('broken');
    expect(listeners).toEqual([]);
  });
});
