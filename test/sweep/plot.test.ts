import { parseHTML } from 'linkedom';
import { expect, it } from 'vitest';
import { plotSweep } from '../../src/sweep/plot.js';
import { sweepRecord, sweepResult } from '../support/sweep.js';

const heightsOf = (accuracies: readonly number[]) => {
  const results = accuracies.map((accuracy, i) =>
    sweepResult(`r${i}`, 100_000 + 20_000 * i, { accuracy, recipe: { scheme: 'minmax' } }),
  );
  const front = results.map(({ name }) => name);
  const { document } = parseHTML(plotSweep(sweepRecord(results, { front }), 'wide').text);
  const dots = [...document.querySelectorAll('.mark')].at(-1)?.children ?? [];
  return [...dots].map((dot) => Number(/,([\d.]+)\)/.exec(dot.getAttribute('transform') ?? '')?.[1]));
};

it('10 and 71 % stand apart, and so do 91.5 and 91.9', () => {
  // Float has 92 %: losses of 0.1, 0.5, 21 and 82 points.
  const [a = 0, b = 0, c = 0, d = 0] = heightsOf([0.919, 0.915, 0.71, 0.1]);
  expect(b - a).toBeGreaterThan(40);
  expect(d - c).toBeGreaterThan(40);
  expect([a, b, c, d]).toEqual([a, b, c, d].sort((x, y) => x - y));
});
