import { expect, test } from 'vitest';
import { KeptOutputs } from '../../src/calibrate/kept-outputs.js';

test('outputs are kept as they were, whatever is written into their arrays later', () => {
  const kept = new KeptOutputs();
  const data = Float32Array.of(1, 2);
  kept.keep(new Map([['y', { type: 'float32', dims: [1, 2], data }]]), 1);
  data.fill(7);
  kept.keep(new Map([['y', { type: 'float32', dims: [1, 2], data }]]), 1);
  const runs = kept.allOf(2)?.map((outputs) => Array.from(outputs.get('y')?.data ?? [], Number));
  expect(runs).toEqual([
    [1, 2],
    [7, 7],
  ]);
});
