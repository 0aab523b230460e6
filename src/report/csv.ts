import { planOf } from './facts.js';
import type { Reporter } from './reporter.js';
import type { Result } from './result.js';

/** A line of comma-separated values (RFC 4180); what a spreadsheet would compute is text. */
export function csvLine(cells: readonly (string | number | boolean | null | undefined)[]): string {
  const cell = (value: (typeof cells)[number]) => {
    if (value === null || value === undefined) return '';
    if (typeof value !== 'string') return String(value);
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return cells.map(cell).join(',');
}

const heads = [
  ...['place', 'layer', 'operator', 'shape', 'scheme', 'bits', 'input_bits', 'runs', 'float_reason'],
  ...['sqnr_db', 'cosine', 'relative_l2', 'max_abs_error', 'own_db', 'effect_db', 'weight_effect_db'],
  ...['input_effect_db', 'saturated', 'dead_levels'],
];

/** Every layer with its numbers, for a spreadsheet or a notebook; what was not measured is empty. */
export const csv = {
  name: 'csv',
  summary: 'the layers as comma-separated values',
  ending: '.csv',
  render(result) {
    const ids = [...new Set([...result.plan.layers, ...result.layers].map(({ id }) => id))];
    return `${[csvLine(heads), ...ids.map((id, i) => csvLine([i + 1, ...rowOf(result, id)]))].join('\n')}\n`;
  },
} as const satisfies Reporter;

function rowOf(result: Result, id: string) {
  const plan = planOf(result, id);
  const quantized = plan?.quantized;
  const drift = result.layers.find((layer) => layer.id === id)?.drift;
  const origin = result.origins.find((each) => each.id === id);
  return [
    ...[id, plan?.opType, plan?.dims.join('x')],
    ...[quantized?.scheme, quantized?.bits, quantized?.inputBits, quantized?.runs, plan?.reason],
    ...[drift?.sqnrDb, drift?.cosine, drift?.relativeL2, drift?.maxAbsError],
    ...[origin?.ownDb, origin?.effectDb, origin?.weightEffectDb, origin?.inputEffectDb],
    ...[origin?.saturated, origin?.deadLevels],
  ];
}
