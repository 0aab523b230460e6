import * as Plot from '@observablehq/plot';
import { count } from '../facts.js';
import { formatDate } from '../format.js';
import type { Result } from '../result.js';
import { type Trend, trendsOf } from '../trend.js';
import { type Markup, markup } from './markup.js';
import { colours, MARK, render } from './plots.js';

/** How size, accuracy, drift and speed went over the runs of a history. */
export function trend(result: Result): Markup | undefined {
  const [first] = result.history;
  const trends = trendsOf(result);
  if (!first || trends.length === 0) return undefined;
  return markup`<section id="trend" aria-labelledby="trend-title">
<h2 id="trend-title">Trend</h2>
<p class="note">${count(result.history.length, 'earlier run')} since ${formatDate(first.at)}, and this one at the right.</p>
<div class="cards">${trends.map(curve)}</div>
</section>`;
}

function curve({ name, values, first, now, change, isTimed }: Trend): Markup {
  const points = values.flatMap((value, run) => (value === null ? [] : [{ run, value }]));
  const plot = render(`${name} over the runs, from ${first} to ${now}`, 'trend', {
    ...{ width: 200, height: 56, margin: 5 },
    x: { axis: null, domain: [0, values.length - 1] },
    y: { axis: null, nice: false },
    marks: [
      Plot.line(points, { x: 'run', y: 'value', stroke: colours.accent, strokeWidth: 1.5 }),
      Plot.dot(points, { x: 'run', y: 'value', r: 2.2, fill: colours.accent, className: MARK }),
    ],
  });
  const id = isTimed ? markup` class="timed"` : undefined;
  return markup`<div${id}><h2>${name}</h2>
<p class="figure">${now}</p>
<p>${change} since the run before; ${first} at first</p>
${plot}</div>`;
}
