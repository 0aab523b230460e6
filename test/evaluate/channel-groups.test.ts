import { describe, expect, it } from 'vitest';
import { ChannelMeter } from '../../src/evaluate/channel-groups.js';
import { DriftMeter, worstDb } from '../../src/evaluate/drift.js';
import type { NdArray } from '../../src/numerics/nd-array.js';

/** [1, channels, places], each channel of one value. */
const rows = (values: readonly number[], places = 4): NdArray => ({
  type: 'float32',
  dims: [1, values.length, places],
  data: Float32Array.from(values.flatMap((value) => Array.from({ length: places }, () => value))),
});

function groupsOf(a: NdArray, b: NdArray, classAxis?: number) {
  const meter = new ChannelMeter();
  meter.add(a, classAxis, a.data as Float32Array, b.data as Float32Array);
  return meter.groups;
}

describe('channels of very different size', () => {
  it('are judged apart, the worst first', () => {
    const groups = groupsOf(rows([640, 600, 0.5, 0.25]), rows([640, 594, 0, 0]));
    expect(groups).toEqual([
      // All of the signal is lost: 0 dB.
      { axis: 1, channels: '2-3', min: 0.25, max: 0.5, sqnrDb: expect.closeTo(0, 10) },
      // (640² + 600²) / 6².
      { axis: 1, channels: '0-1', min: 600, max: 640, sqnrDb: expect.closeTo(43.2996, 4) },
    ]);
  });

  it('need not lie side by side, and have no size where they are 0', () => {
    const groups = groupsOf(rows([640, 0.5, 0, 600, 0.4]), rows([640, 0.5, 0, 600, 0.4]));
    expect(groups.map(({ channels, sqnrDb }) => [channels, sqnrDb])).toEqual([
      ['1,4', null],
      ['0,3', null],
    ]);
  });

  it('along the last axis, too', () => {
    const a: NdArray = { type: 'float32', dims: [1, 2, 3], data: Float32Array.of(100, 1, 2, -90, 1, 2) };
    const b: NdArray = { ...a, data: Float32Array.of(100, 1, 0, -90, 1, 0) };
    // (1 + 4 + 1 + 4) / (4 + 4).
    expect(groupsOf(a, b)[0]).toMatchObject({ axis: 2, channels: '1-2', sqnrDb: expect.closeTo(0.969, 3) });
  });

  it('are none where sizes go over into one another, are alike, or are scores of classes', () => {
    expect(groupsOf(rows([1, 5, 25, 125]), rows([1, 5, 25, 125]))).toEqual([]);
    expect(groupsOf(rows([1, 20]), rows([1, 20]))).toEqual([]);
    expect(groupsOf(rows([640, 0.5]), rows([640, 0.5]), 1)).toEqual([]);
  });

  it('leave out channels that are less than the last digit of the largest', () => {
    const meter = new DriftMeter({ classAxis: undefined, isGrouped: true });
    meter.add(rows([6, 1.4e-6]), rows([6, 0]), { size: 1, samples: 1 });
    expect(meter.drift.groups).toBeUndefined();
    const seen = new DriftMeter({ classAxis: undefined, isGrouped: true });
    seen.add(rows([6, 1.5e-6]), rows([6, 0]), { size: 1, samples: 1 });
    expect(worstDb(seen.drift)).toBeCloseTo(0, 10);
  });

  it('decide about an output', () => {
    const meter = new DriftMeter({ classAxis: undefined, isGrouped: true });
    meter.add(rows([640, 0.5]), rows([640, 0]), { size: 1, samples: 1 });
    expect(meter.drift.sqnrDb).toBeGreaterThan(60);
    expect(worstDb(meter.drift)).toBeCloseTo(0, 10);
  });
});
