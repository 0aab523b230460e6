import { setImmediate } from 'node:timers';
import { describe, expect, it } from 'vitest';
import type { SampleSource } from '../../calibration/source.js';
import { Watch } from '../../src/calibrate/watch.js';
import { expectRefusal } from '../support/refusal.js';

/** Runs of two samples each, made without a turn of the event loop. */
const source: SampleSource = {
  label: 'x.npy',
  length: 6,
  preprocess: 'none',
  async *open() {
    for (let i = 0; i < 3; i++) yield { feed: {}, size: 2, samples: 2 };
  },
};

async function countRuns(samples: SampleSource): Promise<number> {
  let runs = 0;
  for await (const _ of samples.open()) runs++;
  return runs;
}

describe('stoppable', () => {
  it('stops between two runs, and says where', async () => {
    const controller = new AbortController();
    const watch = new Watch({ signal: controller.signal });
    await watch.begin('calibrate');
    let runs = 0;
    const error = await expectRefusal(
      async () => {
        for await (const _ of watch.stoppable(source).open()) {
          runs++;
          if (runs === 2) controller.abort('enough');
        }
      },
      'interrupted',
      130,
    );
    expect(runs).toBe(2);
    expect(error.message).toBe(
      'Stopped in step "calibrate", after 4 of 6 samples: nothing was written, and every file is as it was.',
    );
    expect(error.cause).toBe('enough');
  });

  it('gives the event loop a turn, without which no signal could come', async () => {
    const controller = new AbortController();
    const watch = new Watch({ signal: controller.signal });
    setImmediate(() => controller.abort());
    await expectRefusal(() => countRuns(watch.stoppable(source)), 'interrupted', 130);
  });

  it('stops behind the last run too', async () => {
    const controller = new AbortController();
    const watch = new Watch({ signal: controller.signal });
    const work = async () => {
      let done = 0;
      for await (const { samples } of watch.stoppable(source).open()) {
        done += samples;
        if (done === 6) controller.abort();
      }
    };
    await expectRefusal(work, 'interrupted', 130);
  });

  it('leaves samples alone where nobody can stop it, or there are none', async () => {
    const watch = new Watch({});
    expect(watch.stoppable(source)).toBe(source);
    expect(watch.stoppable(undefined)).toBeUndefined();
    const followed = new Watch({ signal: new AbortController().signal });
    expect(await countRuns(followed.stoppable(source))).toBe(3);
  });
});

it('tells steps and samples', async () => {
  const told: unknown[] = [];
  const watch = new Watch({ onStep: (step) => told.push(step), onProgress: (at) => told.push(at) });
  await watch.begin('load');
  await watch.begin('evaluate');
  expect(await countRuns(watch.withProgress(source))).toBe(3);
  watch.progress(1, 2);
  const at = (done: number, total = 6) => ({ step: 'evaluate', done, total });
  expect(told).toEqual(['load', 'evaluate', at(2), at(4), at(6), at(1, 2)]);
});

it('does not begin a step once the signal is aborted', async () => {
  const watch = new Watch({ signal: AbortSignal.abort() });
  const error = await expectRefusal(() => watch.begin('write'), 'interrupted', 130);
  expect(error.message).toContain('Stopped in step "write": nothing was written');
});
