import type { Breach, TargetRule } from '../place/targets/target.js';
import { chalk } from './colours.js';
import { escapeControls } from './escape.js';
import { shortenName } from './facts.js';

/** A rule of a target, and what of a file breaks it. */
export interface CheckedRule extends Omit<TargetRule, 'check'> {
  readonly breaches: readonly Breach[];
}

/** A file against the rules of a target. */
export interface TargetCheck {
  /** The file's name. */
  readonly model: string;
  readonly target: string;
  /** Whether the target reads it as it is meant: no rule whose breach is `refused` is broken. */
  readonly holds: boolean;
  readonly rules: readonly CheckedRule[];
}

/** So many places are named for each rule. */
const MOST_NAMED = 4;

/** A check for a terminal. */
export function renderTargetCheck({ model, target, holds, rules }: TargetCheck): string {
  const broken = rules.filter(({ breaches }) => breaches.length > 0);
  const slow = broken.filter(({ otherwise }) => otherwise === 'slow').length;
  const verdict = holds
    ? `meets what ${target} asks${slow > 0 ? `; ${slow === 1 ? 'one rule' : `${slow} rules`} broken that cost${slow === 1 ? 's' : ''} speed` : ''}`
    : `does not meet what ${target} asks: ${broken.length} of ${rules.length} rules are broken`;
  const lines = [`${chalk.bold(escapeControls(model))}  ${verdict}`];
  for (const { name, summary, otherwise, source, breaches } of broken) {
    lines.push(
      '',
      `${name} (${otherwise === 'refused' ? 'needed' : 'for speed'}): ${summary}`,
      `  ${source}`,
    );
    for (const { node, problem } of breaches.slice(0, MOST_NAMED))
      lines.push(`  ${escapeControls(shortenName(node))}: ${escapeControls(problem)}`);
    if (breaches.length > MOST_NAMED) lines.push(`  … and ${breaches.length - MOST_NAMED} more`);
  }
  return `${lines.join('\n')}\n`;
}
