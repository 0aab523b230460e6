import { escapeControls } from './escape.js';
import { changeOf, noHelp, shortenName, worstOrigins } from './facts.js';
import { alignColumns, formatCost, formatDb } from './format.js';
import type { Result } from './result.js';

/** Layers named in the report. */
const WORST = 3;

/** The layers and operators that do most to the output when they alone are quantized, and which part of each does it. */
export function originsTable(result: Result): string[] {
  const worst = worstOrigins(result, WORST);
  if (worst.length === 0) return [];
  const rows = [['worst layers, each quantized alone', 'own', 'output', 'weights', 'input']];
  for (const { id, ownDb, effectDb, weightEffectDb, inputEffectDb } of worst)
    rows.push([
      `  ${shortenName(escapeControls(id))}`,
      ...[ownDb, effectDb, weightEffectDb, inputEffectDb].map(cell),
    ]);
  return [
    ...alignColumns(rows, [1, 2, 3, 4]),
    '  SQNR at its own result; at the output; there by weights and input apart',
  ];
}

/** Nothing of it is quantized, or nothing differs. */
const cell = (db: number | null): string => (db === null ? '–' : formatDb(db));

/** What mends the worst layers, and what came of trying it. */
export function whatToDo(result: Result): string[] {
  const { suggestions, outputs } = result;
  if (suggestions.length === 0) return [];
  const output = shortenName(
    escapeControls(outputs.length === 1 ? (outputs[0]?.name ?? '') : 'worst output'),
    34,
  );
  const lines = suggestions.flatMap(({ flag, costBytes, tried }) => {
    const came = tried ? `${output} ${changeOf(tried)}` : 'not tried';
    return [`  ${escapeControls(flag)}`, `    ${formatCost(costBytes)}, ${came}`];
  });
  return [noHelp(result) ? NO_HELP : 'what to do, each tried by itself', ...lines];
}

/** Says that what follows is no advice. */
export const NO_HELP = 'no flag that was tried gains 1 dB; the best of them';
