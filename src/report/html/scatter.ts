import * as Plot from '@observablehq/plot';
import type { Markup } from './markup.js';
import { colours, MARK, type PlotSize, plotWidths, render } from './plots.js';

/** A point of a scatter plot. */
export interface ScatterPoint {
  readonly x: number;
  readonly y: number;
  readonly colour: string;
  readonly symbol: ScatterSymbol;
  /** Points in front are joined by a line, each group by its own. */
  readonly group: string;
  readonly inFront: boolean;
  /** Whether it is the one that was chosen. */
  readonly isChosen: boolean;
  /** What stands beside it, where there is room: for points in front, the chosen one, and what all are compared with. */
  readonly name: string | undefined;
  /** What a pointer on it shows. */
  readonly title: string;
}

/** Symbols of points. */
export type ScatterSymbol = 'circle' | 'square' | 'triangle' | 'diamond' | 'star' | 'wye' | 'cross';

/** What the axes of a scatter plot say. */
export interface ScatterAxes {
  readonly x: Axis;
  readonly y: Axis;
}

export interface Axis {
  readonly label: string;
  readonly type: 'linear' | 'log';
  /** The first at the left or at the bottom. */
  readonly domain: readonly [number, number];
  readonly ticks?: readonly number[];
  readonly tick: (value: number) => string;
}

const heights: Readonly<Record<PlotSize, number>> = { wide: 440, medium: 380, narrow: 340 };
const MARGIN = { top: 26, right: 14, bottom: 42, left: 50, inset: 12 };

/** Points, those in front above the others and joined by dashed lines; names where they run into nothing. */
export function renderScatter(
  label: string,
  points: readonly ScatterPoint[],
  { x, y }: ScatterAxes,
  size: PlotSize,
): Markup {
  const [width, height] = [plotWidths[size], heights[size]];
  const r = size === 'wide' ? 5 : 4;
  const front = points.filter(({ inFront }) => inFront).sort((a, b) => a.x - b.x);
  const dots = (inFront: boolean) =>
    Plot.dot(
      points.filter((point) => point.inFront === inFront),
      {
        ...{ x: 'x', y: 'y', fill: 'colour', symbol: 'symbol', r, title: 'title', className: MARK },
        fillOpacity: inFront ? 1 : 0.45,
      },
    );
  const { top, right, bottom, left, inset } = MARGIN;
  const pixels = points.map((point) => ({
    left: along(x, point.x, [left + inset, width - right - inset]),
    top: along(y, point.y, [height - bottom - inset, top + inset]),
  }));
  const names = placeNames(
    points.map(({ name }, i) => ({ name, ...(pixels[i] as Pixel) })),
    { left, right: width - right, top, bottom: height - bottom },
    r,
  );
  return render(label, size, {
    ...{ width, height, inset },
    ...{ marginLeft: left, marginTop: top, marginRight: right, marginBottom: bottom },
    x: {
      ...scaleOf(x),
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 38,
      ticks: x.ticks ? [...x.ticks] : size === 'narrow' ? 3 : 6,
    },
    y: { ...scaleOf(y), labelArrow: 'none', grid: true, ticks: y.ticks ? [...y.ticks] : 6 },
    color: { type: 'identity' },
    symbol: { type: 'identity' },
    marks: [
      Plot.line(front, { x: 'x', y: 'y', z: 'group', stroke: colours.muted, strokeDasharray: '4 3' }),
      dots(false),
      dots(true),
      Plot.dot(
        points.filter(({ isChosen }) => isChosen),
        { x: 'x', y: 'y', r: r + 5, stroke: colours.text, strokeWidth: 2 },
      ),
      ...names.map(({ at, dx, dy, anchor }) =>
        Plot.text([points[at] as ScatterPoint], {
          ...{ x: 'x', y: 'y', text: 'name', dx, dy, textAnchor: anchor, fill: colours.text },
          fontWeight: points[at]?.isChosen ? 700 : 400,
          // Lines of the front pass behind.
          stroke: 'var(--surface)',
          strokeWidth: 4,
          className: 'name',
        }),
      ),
    ],
  });
}

const scaleOf = ({ label, type, domain: [first, last], tick }: Axis) => ({
  ...{ label, type, tickFormat: tick },
  domain: first <= last ? [first, last] : [last, first],
  reverse: first > last,
});

/** Where a value stands between two pixels. */
function along({ type, domain: [first, last] }: Axis, value: number, [from, to]: readonly [number, number]) {
  const scaled = (at: number) => (type === 'log' ? Math.log(at) : at);
  const share = (scaled(value) - scaled(first)) / (scaled(last) - scaled(first) || 1);
  return from + share * (to - from);
}

interface Pixel {
  readonly left: number;
  readonly top: number;
}

interface Box extends Pixel {
  readonly right: number;
  readonly bottom: number;
}

interface PlacedName {
  /** Number of its point. */
  readonly at: number;
  readonly dx: number;
  readonly dy: number;
  readonly anchor: 'start' | 'middle' | 'end';
}

/** What a character takes of a line of 13 pixels, at most on average, and the line itself. */
const CHARACTER = 7.2;
const LINE = 14;

/** Names beside their points, each at the first place where it covers no point and no other name; without one it is left out. */
export function placeNames(
  points: readonly (Pixel & { readonly name: string | undefined })[],
  frame: Box,
  radius: number,
): PlacedName[] {
  const taken: Box[] = points.map(({ left, top }) => ({
    ...{ left: left - radius, right: left + radius, top: top - radius, bottom: top + radius },
  }));
  const placed: PlacedName[] = [];
  const gap = radius + 5;
  points.forEach(({ left, top, name }, at) => {
    if (name === undefined) return;
    const width = CHARACTER * name.length;
    const tries: readonly (readonly [number, number, PlacedName['anchor']])[] = [
      ...([0, LINE, -LINE, 2 * LINE, -2 * LINE] as const).flatMap(
        (dy) => [[gap, dy, 'start'] as const, [-gap, dy, 'end'] as const] as const,
      ),
      [0, gap + LINE / 2, 'middle'],
      [0, -gap - LINE / 2, 'middle'],
    ];
    for (const [dx, dy, anchor] of tries) {
      const start = left + dx - (anchor === 'start' ? 0 : anchor === 'end' ? width : width / 2);
      const box = {
        left: start,
        right: start + width,
        top: top + dy - LINE / 2,
        bottom: top + dy + LINE / 2,
      };
      const isInside =
        box.left >= frame.left &&
        box.right <= frame.right &&
        box.top >= frame.top &&
        box.bottom <= frame.bottom;
      if (!isInside || taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      placed.push({ at, dx, dy, anchor });
      return;
    }
  });
  return placed;
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
