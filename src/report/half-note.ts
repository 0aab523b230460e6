import { count, shortenName } from './facts.js';
import { formatDb } from './format.js';
import type { Result } from './result.js';

/** What is in float16, and what that alone costs; undefined where nothing is. */
export function halfNote({ float16 }: Pick<Result, 'float16'>): string | undefined {
  if (!float16) return undefined;
  const { nodes, kept, cost } = float16;
  const [first] = kept;
  const why = first?.isConstant ? 'has a constant that float16 does not hold' : 'goes beyond float16';
  const others = kept.length > 1 ? `, and ${kept.length - 1} more do` : '';
  const stays = first && `"${shortenName(first.id)}" stays in float32, since it ${why}${others}`;
  const costs = cost.map(
    ({ name, wideDb, halfDb }) =>
      `${shortenName(name)} ${formatDb(halfDb)}, in float32 ${wideDb === null ? 'as float' : formatDb(wideDb)}`,
  );
  const written = nodes > 0 ? count(nodes, 'operator') : 'constants alone';
  return `float16: ${[written, stays, ...costs].filter(Boolean).join('; ')}`;
}
