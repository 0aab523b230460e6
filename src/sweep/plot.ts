import { actBitsOf } from '../recipe.js';
import { printable } from '../report/escape.js';
import { formatBytes } from '../report/format.js';
import type { Markup } from '../report/html/markup.js';
import type { PlotSize } from '../report/html/plots.js';
import { renderScatter, type ScatterPoint, type ScatterSymbol } from '../report/html/scatter.js';
import { type SweepRecord, type SweepResult, sqnrOf } from './record.js';
import { cellsOf } from './render-table.js';

/**
 * Colours of schemes, before they come round again: Okabe and Ito 2008, told apart by the colour-blind too; middling in
 * lightness, so that they stand on a light and on a dark ground.
 */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#c98a00', '#56b4e9', '#8a6d00', '#7f7f7f'];

/** Marks of widths of activations. */
const symbols: readonly ScatterSymbol[] = ['circle', 'square', 'triangle', 'diamond', 'star', 'wye', 'cross'];

/** Colours of the schemes, and symbols of the widths of activations, in the order of the results. */
export function signsOf({ results }: Pick<SweepRecord, 'results'>) {
  const schemes = [...new Set(results.map(({ recipe }) => recipe.scheme))];
  const widths = [...new Set(results.map(({ recipe }) => actBitsOf(recipe)))];
  return {
    colours: new Map(schemes.map((scheme, i) => [scheme, colours[i % colours.length] as string])),
    symbols: new Map(widths.map((width, i) => [width, symbols[i % symbols.length] as ScatterSymbol])),
  };
}

/** Losses below this, and gains, stand on one line: a logarithm has no zero. In points. */
const LEAST_LOSS = 0.03;

/** Sizes further apart than this stand on a scale of powers. */
const WIDE_SPREAD = 4;

/**
 * Size against quality: a point for each result, coloured by its scheme, its symbol by the width of the activations, and a
 * line along the front of each width. With labels quality is what top-1 loses against float, on a scale of powers, so that
 * losses of 20 and of 80 points are told apart and those of 0.1 and 0.4, too; without labels it is the SQNR, which is a
 * logarithm itself. Outputs that do not differ at all have no finite SQNR: their points stand at the top.
 */
export function plotSweep(record: SweepRecord, size: PlotSize): Markup {
  const { results, front, float, choice } = record;
  const hasLabels = results.every(({ task }) => task !== null);
  const y = hasLabels ? lossAxis(results) : sqnrAxis(results);
  const sizes = [...results.map(({ sizeBytes }) => sizeBytes), float.sizeBytes];
  const spread = [Math.min(...sizes), Math.max(...sizes)] as const;
  const signs = signsOf(record);
  const points: ScatterPoint[] = results.map((result) => {
    const inFront = front.includes(result.name);
    const isChosen = result.name === choice?.name;
    return {
      x: result.sizeBytes,
      y: y.of(result),
      colour: signs.colours.get(result.recipe.scheme) as string,
      symbol: signs.symbols.get(actBitsOf(result.recipe)) as ScatterSymbol,
      group: String(actBitsOf(result.recipe)),
      inFront,
      isChosen,
      name: inFront || isChosen ? printable(result.name) : undefined,
      title: titleOf(result, record),
    };
  });
  const floatPoint: ScatterPoint = {
    ...{ x: float.sizeBytes, y: y.float, colour: 'var(--text)', symbol: 'circle', group: 'float' },
    ...{ inFront: false, isChosen: false, name: 'float', title: `float\n${formatBytes(float.sizeBytes)}` },
  };
  // The names of the best are placed first.
  const first = (point: ScatterPoint) => (point.isChosen ? 0 : point.inFront ? 1 : 2);
  const all = [...points, floatPoint].sort((a, b) => first(a) - first(b));
  const isWide = spread[1] > WIDE_SPREAD * spread[0];
  const x = {
    label: 'file size',
    type: isWide ? ('log' as const) : ('linear' as const),
    domain: spread[0] < spread[1] ? spread : ([0, 2 * spread[1]] as const),
    ...(isWide && { ticks: powers(spread, [1, 2, 5]) }),
    tick: formatBytes,
  };
  const label = `File size against ${y.what} of ${results.length} combinations, and float`;
  return renderScatter(label, all, { x, y: y.axis }, size);
}

/** What top-1 lost, in points; the best at the top. */
function lossAxis(results: readonly SweepResult[]) {
  const lossOf = ({ task }: SweepResult) =>
    Math.max(LEAST_LOSS, task ? 100 * (task.float - task.quantized) : LEAST_LOSS);
  const most = Math.max(...results.map(lossOf), 10 * LEAST_LOSS);
  const tick = (loss: number) => (loss <= LEAST_LOSS ? 'none' : `−${loss}`);
  return {
    what: 'top-1 accuracy lost',
    of: lossOf,
    float: LEAST_LOSS,
    axis: {
      label: 'top-1 lost (points), higher is better',
      type: 'log' as const,
      domain: [most, LEAST_LOSS] as const,
      ticks: [LEAST_LOSS, ...powers([2 * LEAST_LOSS, most], [1, 3])],
      tick,
    },
  };
}

function sqnrAxis(results: readonly SweepResult[]) {
  const finite = results.map(sqnrOf).filter(Number.isFinite);
  const [low, high] = finite.length > 0 ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
  // Room above the best for float, and for what does not differ from it.
  const top = high + Math.max(3, (high - low) / 10);
  return {
    what: 'SQNR (dB)',
    of: (result: SweepResult) => Math.min(sqnrOf(result), top),
    float: top,
    axis: {
      label: 'SQNR (dB), higher is better',
      type: 'linear' as const,
      domain: [Math.min(low, top - 3), top] as const,
      tick: String,
    },
  };
}

/** Round numbers in a range: so many in each power of ten. */
function powers([low, high]: readonly [number, number], steps: readonly number[]): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
    .flatMap((exponent) => steps.map((step) => Number(`${step}e${exponent}`)))
    .filter((value) => value >= low && value <= high);
}

function titleOf(result: SweepResult, record: SweepRecord): string {
  const facts = Object.entries(cellsOf(result, record)).map(([key, value]) => `${key} ${value}`);
  return `${printable(result.name)}\n${facts.join(', ')}`;
}
