import { expect, test } from 'vitest';
import { BeyondMeter } from '../../src/evaluate/beyond-ranges.js';

const floats = (...data: number[]) => ({
  type: 'float32' as const,
  dims: [1, data.length],
  data: Float32Array.from(data),
});

test('counts the elements outside of what was seen, value by value, the largest share first', () => {
  const meter = new BeyondMeter(
    new Map([
      ['a', { min: -1, max: 1 }],
      ['b', { min: 0, max: 2 }],
      ['c', { min: 0, max: 9 }],
    ]),
  );
  const batch = { size: 1, samples: 1 };
  meter.add('a', floats(-1, 1, 1.5, 0), batch);
  meter.add('b', floats(3, 4), batch);
  meter.add('b', floats(-1, 1), batch);
  meter.add('c', floats(1, 2), batch);
  meter.add('unknown', floats(99), batch);
  // Rows that only fill a batch up are no samples.
  meter.add('a', { ...floats(0, 0, 5, 5), dims: [2, 2] }, { size: 2, samples: 1 });
  expect(meter.beyond).toEqual([
    { name: 'b', share: 3 / 4 },
    { name: 'a', share: 1 / 6 },
  ]);
});

test('tells what codes clip from what was not seen', () => {
  const meter = new BeyondMeter(
    new Map([
      ['a', { min: -4, max: 4, held: { min: -2, max: 2 } }],
      ['b', { min: 0, max: 1 }],
    ]),
  );
  const batch = { size: 1, samples: 1 };
  meter.add('a', floats(-3, 2, 2.5, 0, 5), batch);
  meter.add('b', floats(9), batch);
  expect(meter.saturated).toEqual(new Map([['a', 3 / 5]]));
  expect(meter.beyond).toContainEqual({ name: 'a', share: 1 / 5 });
});
