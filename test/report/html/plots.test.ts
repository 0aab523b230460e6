import { expect, test } from 'vitest';
import type { Distribution } from '../../../src/evaluate/distribution.js';
import { renderHistogram } from '../../../src/report/html/plots.js';

/** Labels of the horizontal axis: those whose text hangs below. */
function labelsOf(low: number, high: number): string[] {
  const edges = Array.from({ length: 11 }, (_, i) => low + (i * (high - low)) / 10);
  const found: Distribution = {
    ...{ id: 'a', kind: 'weight', tensor: 'w', channel: null, block: null },
    ...{ edges, counts: edges.slice(1).map(() => 3), levels: [0] },
  };
  const { text: svg } = renderHistogram('a weight', found);
  const [, axis = ''] = /translate\(0,9\)"[^>]*>(.*?)<\/g>/.exec(svg) ?? [];
  return [...axis.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text = '']) => text);
}

test('an axis of a histogram has few round values, each told from the next', () => {
  expect(labelsOf(-0.93, 0.95)).toEqual(['−0.5', '0.0', '0.5']);
  expect(labelsOf(-0.142, 0.24)).toEqual(['−0.10', '0.00', '0.10', '0.20']);
  expect(labelsOf(-0.0012, 0.0031)).toEqual(['−0.0010', '0.0000', '0.0010', '0.0020', '0.0030']);
  for (const [low, high] of [
    [0, 13.4],
    [-5, 1e-3],
    [-3e-5, 8e-5],
    [100, 101.7],
  ] as const) {
    const labels = labelsOf(low, high);
    expect(labels.length).toBeGreaterThan(1);
    expect(labels.length).toBeLessThanOrEqual(6);
    expect(new Set(labels).size).toBe(labels.length);
  }
});
