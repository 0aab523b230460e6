import * as Plot from '@observablehq/plot';
import type { Markup } from './markup.js';
import { colours, MARK, render } from './plots.js';

const SIZE = { width: 400, height: 150, marginTop: 14, marginBottom: 26, marginLeft: 44, marginRight: 24 };

/** How the loss of a training went: means of equal parts of its steps, in their order. */
export function renderLosses(label: string, losses: readonly number[]): Markup {
  // The middle of each part.
  const points = losses.map((loss, at) => ({ share: (100 * (at + 0.5)) / losses.length, loss }));
  return render(label, 'curve', {
    ...SIZE,
    x: { domain: [0, 100], ticks: 3, tickFormat: (share: number) => `${share} %`, label: null },
    y: { grid: true, ticks: 3, tickFormat: '~r', label: null, zero: true, nice: true },
    marks: [
      Plot.line(points, {
        ...{ x: 'share', y: 'loss', stroke: colours.accent, strokeWidth: 1.5, className: MARK },
      }),
    ],
  });
}
