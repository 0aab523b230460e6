import { count } from './facts.js';
import type { ComparisonRecord, Result } from './result.js';

/** What two given models are, and how their layers were brought together; undefined where one was made here. */
export function comparisonLines({ comparison, layers }: Result): string[] | undefined {
  if (!comparison) return undefined;
  const by = (['plan', 'name', 'order'] as const)
    .map((matching) => [layers.filter(({ matchedBy }) => matchedBy === matching).length, matching] as const)
    .filter(([matched]) => matched > 0)
    .map(([matched, matching]) => `${matched} by ${matchings[matching]}`);
  const missing = comparison.layers - layers.length;
  const rest = missing > 0 && by.length > 0 ? [`${missing} not found`] : [];
  const found = by.length === 0 ? 'none was found' : [...by, ...rest].join(', ');
  return [
    `${forms[comparison.quantizedForm]} against ${forms[comparison.floatForm]}; ${count(comparison.layers, 'layer')}: ${found}`,
    ...comparison.notes,
  ];
}

const matchings: Record<Result['layers'][number]['matchedBy'], string> = {
  plan: 'the plan of this tool',
  name: 'name',
  order: 'order',
};

const forms: Record<ComparisonRecord['quantizedForm'], string> = {
  qdq: 'QDQ',
  'integer-operators': 'integer operators',
  float16: 'float16',
  bfloat16: 'bfloat16',
  float32: 'float32',
};
