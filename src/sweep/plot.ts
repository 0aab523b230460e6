import { formatBytes, formatPercent } from '../report/format.js';
import { escapeMarkup } from './markup.js';
import { type SweepRecord, type SweepResult, sqnrOf } from './record.js';
import { cellsOf } from './render-table.js';

/** The picture, in its own units; a page scales it. */
const WIDTH = 760;
const HEIGHT = 420;
const MARGIN = { top: 16, right: 20, bottom: 48, left: 64 };

/** Room beside the outermost points, as a share of the range. */
const PADDING = 0.06;

/** Marks a scheme can have, before colours come round again: Okabe and Ito 2008, told apart by the colour-blind too. */
export const colours: readonly string[] = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#8a6d00',
  '#7f7f7f',
];

/** What is more than this below the best stands on the edge: a failed combination must not press the others together. */
const SHOWN = { points: 15, decibels: 40 };

interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** The quality that the picture shows: top-1 accuracy, or without labels the SQNR. */
function qualityOf(result: SweepResult): number {
  return result.task ? 100 * result.task.quantized : sqnrOf(result);
}

/**
 * Size against quality as SVG: a point for each result, coloured by its scheme, a circle, square, … for each width of the
 * activations, and a line along the front of each width. Outputs that do not differ at all have no finite SQNR: their points
 * stand at the top; what failed stands at the bottom.
 */
export function plotSweep(record: SweepRecord): string {
  const { results, front } = record;
  const hasLabels = results.some(({ task }) => task !== null);
  const finite = results.map(qualityOf).filter(Number.isFinite);
  const floor = Math.max(...finite) - (hasLabels ? SHOWN.points : SHOWN.decibels);
  const isCut = finite.some((value) => value < floor);
  const x = axisOf(results.map(({ sizeBytes }) => sizeBytes));
  const y = axisOf(finite.map((value) => Math.max(value, floor)));
  const [plotWidth, plotHeight] = [WIDTH - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  const left = (value: number) => MARGIN.left + (plotWidth * (value - x.low)) / (x.high - x.low);
  const top = (value: number) =>
    MARGIN.top + (plotHeight * (y.high - Math.min(Math.max(value, y.low), y.high))) / (y.high - y.low);
  const at = (result: SweepResult) =>
    [left(result.sizeBytes), top(qualityOf(result))].map((n) => n.toFixed(1)) as [string, string];

  const schemes = schemesOf(record);
  const widths = widthsOf(record);
  const grid = y.ticks.map(
    (tick) =>
      `<g><line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${top(tick).toFixed(1)}" y2="${top(tick).toFixed(1)}"/>` +
      `<text class="tick" x="${MARGIN.left - 8}" y="${(top(tick) + 4).toFixed(1)}" text-anchor="end">${hasLabels ? formatPercent(tick / 100).replace('.00', '') : tick}</text></g>`,
  );
  const base = HEIGHT - MARGIN.bottom;
  const bottom = x.ticks.map(
    (tick) =>
      `<g><line class="grid" x1="${left(tick).toFixed(1)}" x2="${left(tick).toFixed(1)}" y1="${base}" y2="${base + 5}"/>` +
      `<text class="tick" x="${left(tick).toFixed(1)}" y="${base + 19}" text-anchor="middle">${formatBytes(tick)}</text></g>`,
  );
  const lines = widths.map((width) => {
    const points = results
      .filter(({ name, recipe }) => recipe.actBits === width && front.includes(name))
      .sort((a, b) => a.sizeBytes - b.sizeBytes);
    return `<polyline class="front" points="${points.map((point) => at(point).join(',')).join(' ')}"/>`;
  });
  // The front lies above the others.
  const isOn = ({ name }: SweepResult) => front.includes(name);
  const marks = [...results.filter((result) => !isOn(result)), ...results.filter(isOn)].map((result) => {
    const [cx, cy] = at(result);
    const colour = colours[schemes.indexOf(result.recipe.scheme) % colours.length] as string;
    const facts = Object.entries(cellsOf(result, record)).map(([key, value]) => `${key} ${value}`);
    const title = escapeMarkup(`${result.name}: ${facts.join(', ')}`);
    const kind = isOn(result) ? 'mark' : 'mark behind';
    return `<g class="${kind}" transform="translate(${cx} ${cy})" fill="${colour}"><title>${title}</title>${shapeOf(widths.indexOf(result.recipe.actBits))}</g>`;
  });
  const titles = [
    `<text class="title" x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">file size${isCut ? '; what lies far below the best stands on the lower edge' : ''}</text>`,
    `<text class="title" transform="translate(14 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${hasLabels ? 'top-1 accuracy' : 'SQNR, dB'}</text>`,
  ];
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Size against ${hasLabels ? 'accuracy' : 'SQNR'} of ${results.length} combinations">`,
    ...grid,
    ...bottom,
    ...titles,
    ...lines,
    ...marks,
    '</svg>',
  ].join('\n');
}

/** The schemes of the results, in their order: a scheme's place is that of its colour. */
export const schemesOf = ({ results }: SweepRecord): string[] => [
  ...new Set(results.map(({ recipe }) => recipe.scheme)),
];

/** The widths of activations, in their order: a width's place is that of its shape. */
export const widthsOf = ({ results }: SweepRecord): (number | 'float')[] => [
  ...new Set(results.map(({ recipe }) => recipe.actBits)),
];

const shapes: readonly string[] = [
  '<circle r="5"/>',
  '<rect x="-4.5" y="-4.5" width="9" height="9"/>',
  '<path d="M0 -6L5.5 4.5H-5.5Z"/>',
  '<path d="M0 -6.5L6.5 0L0 6.5L-6.5 0Z"/>',
];

/** The mark of a width, round the origin. */
export const shapeOf = (place: number): string => shapes[place % shapes.length] as string;

function axisOf(values: readonly number[]): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  // Without a range, as with one point, any will do.
  const [from, to] = values.length === 0 ? [0, 1] : least < most ? [least, most] : [least - 1, most + 1];
  const room = PADDING * (to - from);
  const [low, high] = [from - room, to + room];
  const step = stepOf((high - low) / 5);
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(Number((i * step).toPrecision(12)));
  return { low, high, ticks };
}

/** The next of 1, 2, 5, 10, … times a power of ten. */
function stepOf(least: number): number {
  const unit = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5, 10].find((factor) => factor * unit >= least) ?? 10) * unit;
}
