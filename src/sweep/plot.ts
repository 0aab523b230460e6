import { actBitsOf } from '../recipe.js';
import { printable } from '../report/escape.js';
import { formatBytes } from '../report/format.js';
import type { Markup } from '../report/html/markup.js';
import { renderScatter, type ScatterSymbol } from '../report/html/plots.js';
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

/** What is more than this below the best stands on the edge: a failed combination must not press the others together. */
const SHOWN = { points: 15, decibels: 40 };

/**
 * Size against quality: a point for each result, coloured by its scheme, its symbol by the width of the activations, and a
 * line along the front of each width. Outputs that do not differ at all have no finite SQNR: their points stand at the top;
 * what failed stands at the bottom.
 */
export function plotSweep(record: SweepRecord, size: 'wide' | 'narrow'): Markup {
  const { results, front } = record;
  const hasLabels = results.some(({ task }) => task !== null);
  const qualities = results.map((result) =>
    hasLabels ? 100 * (result.task?.quantized ?? 0) : sqnrOf(result),
  );
  const finite = qualities.filter(Number.isFinite);
  const highest = Math.max(...(finite.length === 0 ? [0] : finite));
  const floor = highest - (hasLabels ? SHOWN.points : SHOWN.decibels);
  const signs = signsOf(record);
  const points = results.map((result, i) => ({
    x: result.sizeBytes,
    y: Math.min(Math.max(qualities[i] as number, floor), highest),
    colour: signs.colours.get(result.recipe.scheme) as string,
    symbol: signs.symbols.get(actBitsOf(result.recipe)) as ScatterSymbol,
    group: String(actBitsOf(result.recipe)),
    inFront: front.includes(result.name),
    title: titleOf(result, record),
  }));
  const what = hasLabels ? 'top-1 accuracy (%)' : 'SQNR (dB)';
  const isCut = finite.some((quality) => quality < floor);
  const axes = {
    x: `file size${isCut ? '; far below the best: on the lower edge' : ''}`,
    y: `${what}, higher is better`,
    xTick: formatBytes,
  };
  const label = `File size against ${what} of ${results.length} combinations`;
  return renderScatter(label, points, axes, size);
}

function titleOf(result: SweepResult, record: SweepRecord): string {
  const facts = Object.entries(cellsOf(result, record)).map(([key, value]) => `${key} ${value}`);
  return `${printable(result.name)}\n${facts.join(', ')}`;
}
