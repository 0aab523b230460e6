import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Distribution } from '../../evaluate/distribution.js';
import { printable } from '../escape.js';
import { formatBytes, formatDb, formatMs, formatPrecise } from '../format.js';
import { Markup, markup } from './markup.js';

/** Class of the marks that show data, as opposed to axes and grids. */
export const MARK = 'mark';

/** Type size of the plots, in their own pixels. */
export const FONT = '13px';

/** Widths that a plot across the page is drawn in: the page shows the one that fits, so that its text keeps its size. */
export const plotWidths = { wide: 920, medium: 500, narrow: 300 } as const;
export type PlotSize = keyof typeof plotWidths;

export const colours = {
  accent: 'var(--accent)',
  bar: 'var(--bar)',
  text: 'var(--text)',
  muted: 'var(--muted)',
};

/** A plot as SVG that needs neither script nor style of its own, so that a strict policy lets it be. */
export function render(label: string, className: string, options: Plot.PlotOptions): Markup {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({ ...options, document: document as never });
  // What the page's style sheet says of plots takes its place.
  for (const own of svg.querySelectorAll('style')) own.remove();
  // The image has one name; what its parts are called no role lets be said.
  for (const part of svg.querySelectorAll('[aria-label], [aria-description]'))
    for (const name of ['aria-label', 'aria-description']) part.removeAttribute(name);
  svg.setAttribute('class', `plot ${className}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('font-size', FONT);
  svg.removeAttribute('fill');
  svg.setAttribute('fill', 'currentColor');
  const name = markup`<svg aria-label="${label}"`;
  return new Markup(svg.outerHTML.replace(/^<svg/, () => name.text));
}

/** Two sizes or times, one bar each: what float takes, and what is left of it. */
export function renderBars(
  label: string,
  unit: 'bytes' | 'ms',
  { float, quantized }: { readonly float: number; readonly quantized: number },
): Markup {
  const formatted = unit === 'bytes' ? formatBytes : formatMs;
  const rows = [
    { name: 'float', value: float, colour: colours.bar },
    { name: 'quantized', value: quantized, colour: colours.accent },
  ];
  const most = Math.max(float, quantized, Number.MIN_VALUE);
  return render(label, 'bars', {
    width: 228,
    height: 54,
    margin: 0,
    marginLeft: 70,
    // Room for the number behind the longest bar.
    marginRight: 66,
    x: { axis: null, domain: [0, most] },
    y: { domain: ['float', 'quantized'], label: null, tickSize: 0, padding: 0.35 },
    marks: [
      Plot.barX(rows, { y: 'name', x: 'value', fill: 'colour', className: MARK }),
      Plot.text(rows, {
        y: 'name',
        x: 'value',
        text: ({ value }: { value: number }) => formatted(value),
        textAnchor: 'start',
        dx: 6,
        fill: colours.text,
      }),
    ],
  });
}

/** One layer of the drift plot; SQNRs in dB, null where nothing differs or it was not measured. */
export interface DriftPoint {
  /** Its place in the graph, from 1 on. */
  readonly place: number;
  readonly id: string;
  readonly accumulated: number | null;
  readonly own: number | null;
  readonly effect: number | null;
}

/** Sizes that the drift plot is drawn in: the page shows one of them. */
const driftSizes = {
  wide: { width: plotWidths.wide, height: 300, ticks: 20 },
  medium: { width: plotWidths.medium, height: 270, ticks: 12 },
  narrow: { width: plotWidths.narrow, height: 240, ticks: 6 },
} as const;

/** Points beyond this many would overlap as dots of the usual size. */
const DENSE = 60;

/** SQNR of each layer along the graph; the places of the layers `marked` stand beside their points. */
export function renderDrift(
  points: readonly DriftPoint[],
  marked: ReadonlySet<string>,
  size: PlotSize,
): Markup {
  const places = points.map(({ place }) => place);
  const [first, last] = [Math.min(...places), Math.max(...places)];
  const of = (key: 'accumulated' | 'own' | 'effect') => points.filter((point) => point[key] !== null);
  const r = points.length > DENSE || size !== 'wide' ? 2.2 : 3;
  const title = (what: string, key: 'accumulated' | 'own' | 'effect') => (point: DriftPoint) =>
    `#${point.place} ${printable(point.id)}\n${what} ${formatDb(point[key])}`;
  return render('SQNR of each layer, in the order of the graph', size, {
    width: driftSizes[size].width,
    height: driftSizes[size].height,
    marginLeft: 40,
    marginTop: 26,
    marginRight: 14,
    marginBottom: 42,
    inset: 10,
    // Room for the places below the lowest points.
    insetBottom: 24,
    x: {
      label: 'layer, in the order of the graph',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 38,
      domain: first < last ? [first, last] : [first - 1, last + 1],
      tickFormat: (place: number) => (Number.isInteger(place) ? String(place) : ''),
      ticks: Math.min(driftSizes[size].ticks, Math.max(last - first, 1)),
    },
    y: { label: 'SQNR (dB), higher is better', grid: true, nice: true, ticks: 5, labelArrow: 'none' },
    marks: [
      Plot.dot(of('effect'), {
        x: 'place',
        y: 'effect',
        symbol: 'times',
        r: r + 0.5,
        stroke: colours.muted,
        title: title('effect on the output', 'effect'),
        className: MARK,
      }),
      Plot.dot(of('own'), {
        x: 'place',
        y: 'own',
        r,
        stroke: colours.text,
        title: title('its own error', 'own'),
        className: MARK,
      }),
      Plot.line(of('accumulated'), {
        x: 'place',
        y: 'accumulated',
        stroke: colours.accent,
        strokeWidth: 1.5,
      }),
      Plot.dot(of('accumulated'), {
        x: 'place',
        y: 'accumulated',
        r,
        fill: colours.accent,
        title: title('accumulated', 'accumulated'),
        className: MARK,
      }),
      Plot.text(
        apart(
          of('accumulated').filter(({ id }) => marked.has(id)),
          (driftSizes[size].width - 74) / Math.max(last - first, 1),
        ),
        {
          x: 'place',
          y: 'accumulated',
          text: ({ place }: DriftPoint) => `#${place}`,
          dy: 14,
          fill: colours.text,
          fontWeight: 600,
        },
      ),
    ],
  });
}

/** Room that a place below a point takes, in pixels. */
const LABEL = 30;

/** The points, the lowest first, whose labels do not run into that of a lower one. */
function apart(points: readonly DriftPoint[], pixelsPerPlace: number): DriftPoint[] {
  const lowestFirst = [...points].sort((a, b) => (a.accumulated ?? 0) - (b.accumulated ?? 0));
  const labelled: DriftPoint[] = [];
  for (const point of lowestFirst) {
    const isFree = labelled.every(({ place }) => Math.abs(place - point.place) * pixelsPerPlace >= LABEL);
    if (isFree) labelled.push(point);
  }
  return labelled;
}

/** Levels beyond this many are drawn as short strokes on the axis: full lines would hide the bars. */
const FEW_LEVELS = 32;

const HISTOGRAM = { width: 400, height: 210, marginTop: 24, marginBottom: 40 } as const;

/** A count as people read it on an axis. */
const short = (count: number): string =>
  new Intl.NumberFormat('en-US', { notation: 'compact' }).format(count);

/** Labels of an axis that stand apart on a narrow page. */
const MOST_TICKS = 6;

/** Multiples of 1, 2 or 5 times a power of ten within a range, at most `MOST_TICKS`. */
function roundValues(low: number, high: number): number[] {
  if (!(high > low)) return [low];
  const power = 10 ** Math.floor(Math.log10((high - low) / MOST_TICKS));
  const within = (step: number): number[] => {
    const [first, last] = [Math.ceil(low / step), Math.floor(high / step)];
    return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  };
  const all = [1, 2, 5, 10].map((step) => within(step * power));
  return all.find((values) => values.length <= MOST_TICKS) ?? [];
}

/** Length of the short strokes, in pixels. */
const STROKE = 9;

/** The histogram of a tensor, with the levels that it is quantized to drawn into it. */
export function renderHistogram(
  label: string,
  { edges, counts, levels }: Pick<Distribution, 'edges' | 'counts' | 'levels'>,
): Markup {
  const bins = counts
    .map((count, i) => ({ low: edges[i] as number, high: edges[i + 1] as number, count }))
    .filter(({ count }) => count > 0);
  const inner = HISTOGRAM.height - HISTOGRAM.marginTop - HISTOGRAM.marginBottom;
  return render(label, 'histogram', {
    ...HISTOGRAM,
    marginLeft: 44,
    marginRight: 12,
    x: {
      label: 'value',
      labelArrow: 'none',
      labelAnchor: 'center',
      labelOffset: 36,
      ticks: roundValues(edges[0] ?? 0, edges.at(-1) ?? 0),
      domain: [edges[0], edges.at(-1)],
    },
    // Half of what follows a ReLU is 0: on a linear scale nothing else would show.
    y: {
      type: 'sqrt',
      label: 'elements, on a square-root scale',
      labelArrow: 'none',
      ticks: 4,
      tickFormat: short,
    },
    marks: [
      Plot.rect(bins, {
        x1: 'low',
        x2: 'high',
        y1: 0,
        y2: 'count',
        fill: colours.bar,
        inset: 0.2,
        title: ({ low, high, count }: { low: number; high: number; count: number }) =>
          `${formatPrecise(low, 3)} to ${formatPrecise(high, 3)}: ${Math.round(count).toLocaleString('en-US')}`,
        className: MARK,
      }),
      Plot.ruleX(levels, {
        stroke: colours.accent,
        strokeWidth: 1,
        strokeOpacity: levels.length > FEW_LEVELS ? 1 : 0.85,
        ...(levels.length > FEW_LEVELS && { insetTop: inner - STROKE, strokeWidth: 0.6 }),
        className: MARK,
      }),
      Plot.ruleY([0], { stroke: colours.muted, strokeOpacity: 0.6 }),
    ],
  });
}
