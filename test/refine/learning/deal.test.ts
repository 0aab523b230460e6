import { expect, test } from 'vitest';
import { dealt } from '../../../src/refine/learning/deal.js';

const shares = (costs: readonly number[], count: number) =>
  Array.from({ length: count }, (_, at) => [...dealt(costs, { index: at + 1, count })].sort((a, b) => a - b));

test('the largest piece that is left goes to the shard that has least', () => {
  // 5 → first, 4 → second, 3 → second (4 < 5), 3 → first (5 < 7), 3 → second (7 < 8).
  expect(shares([3, 5, 3, 4, 3], 2)).toEqual([
    [1, 2],
    [0, 3, 4],
  ]);
});

test('of equal pieces the first goes first, and to the first of equal shards', () => {
  expect(shares([1, 1, 1, 1], 3)).toEqual([[0, 3], [1], [2]]);
});

test('each piece is in one shard, and none has more than a third above an even share and the largest piece allow', () => {
  const costs = Array.from({ length: 40 }, (_, i) => ((i * 7919) % 101) + 1);
  const sum = (pieces: readonly number[]) => pieces.reduce((total, at) => total + (costs[at] ?? 0), 0);
  for (const count of [1, 2, 7, 39, 60]) {
    const all = shares(costs, count);
    expect(all.flat().sort((a, b) => a - b)).toEqual(costs.map((_, at) => at));
    const least = Math.max(sum(all.flat()) / count, ...costs);
    expect(Math.max(...all.map(sum))).toBeLessThanOrEqual((4 / 3) * least);
  }
});
