import { recipePathOf } from '../search/recipe-file.js';
import { escapeControls } from './escape.js';
import { count } from './facts.js';
import type { Result } from './result.js';

/** How bits and schemes were chosen, and how to repeat it; whether the limits are kept, the gates say. */
export function searchOutcome({ search, quantized, evaluation }: Result): string[] {
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
    `  measured above on ${count(evaluation.samples, 'sample')}${unseen}`,
    `  again without the search: --recipe ${escapeControls(recipePathOf(quantized.name))}, or`,
    ...flags.map((flag) => `    ${escapeControls(flag)}`),
  ];
}
