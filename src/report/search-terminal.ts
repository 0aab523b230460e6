import { recipePathOf } from '../search/recipe-file.js';
import { escapeControls } from './escape.js';
import { count } from './facts.js';
import { formatBytes, formatDb, formatPercent } from './format.js';
import type { Result } from './result.js';

/** How bits and schemes were chosen, whether the limits are kept, and how to repeat it. */
export function searchOutcome({ search, quantized }: Result): string[] {
  if (!search) return [];
  const { attempts, layers, flags, isApart } = search;
  const chosen = new Map<string, number>();
  for (const { bits, scheme } of layers)
    chosen.set(`${bits} bits ${scheme}`, (chosen.get(`${bits} bits ${scheme}`) ?? 0) + 1);
  const shares = [...chosen]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([choice, layerCount]) => `${choice} for ${count(layerCount, 'layer')}`);
  const { label, samples } = search.search;
  const unseen = isApart ? ', which the search did not see' : '';
  return [
    `chosen by measuring: ${count(attempts.length, 'model')} tried on ${count(samples, 'sample')} of ${escapeControls(label)}`,
    ...shares.map((share) => `  ${share}`),
    ...limitLines(search).map((line) => `  ${line}`),
    `  on ${count(search.verified.samples, 'sample')}${unseen}`,
    `  again without the search: --recipe ${escapeControls(recipePathOf(quantized.name))}, or`,
    ...flags.map((flag) => `    ${escapeControls(flag)}`),
  ];
}

/** What was asked for, and what came of it. */
function limitLines({ limits, measure, verified }: NonNullable<Result['search']>): string[] {
  const { maxDrop, minSqnrDb, maxBytes } = limits;
  const lines: string[] = [];
  if (maxDrop !== null) {
    const what = measure === 'agreement' ? 'other top-1' : 'top-1 drop';
    const drop =
      verified.drop === null ? 'not measured: no output holds class scores' : formatPercent(verified.drop);
    lines.push(`${what} ${drop}, at most ${formatPercent(maxDrop)}`);
  }
  if (minSqnrDb !== null) lines.push(`SQNR ${formatDb(verified.sqnrDb)}, at least ${formatDb(minSqnrDb)}`);
  if (maxBytes !== null) lines.push(`${formatBytes(verified.sizeBytes)}, at most ${formatBytes(maxBytes)}`);
  return lines;
}
