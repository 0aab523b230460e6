import { expect, it } from 'vitest';
import { paretoFront } from '../../src/sweep/pareto.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

it('keeps what nothing beats: by hand', () => {
  const points = [
    [1, 9],
    [2, 5],
    [2, 6],
    [3, 5],
    [4, 1],
    [4, 1],
    [9, 2],
  ];
  expect(paretoFront(points)).toEqual([true, true, false, false, true, true, false]);
  expect(paretoFront([])).toEqual([]);
  expect(paretoFront([[3, 3, 3]])).toEqual([true]);
});

it('is the set of optima: a point is on the front where no other lies in its box, over random points', () => {
  forSeeds(200, (random) => {
    const points = Array.from({ length: anyInteger(random, 1, 12) }, () =>
      Array.from({ length: 3 }, () => anyInteger(random, 0, 4)),
    );
    const front = paretoFront(points);
    // On the front exactly where minimizing the first cost, then the second, then the third, among the points that are
    // within its own costs finds nothing but its equals.
    const expected = points.map((point) => {
      const box = points.filter((other) => other.every((cost, i) => cost <= (point[i] as number)));
      return box.every((other) => String(other) === String(point));
    });
    expect(front).toEqual(expected);
  });
});
