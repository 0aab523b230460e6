import { defaultRecipe, type LayerNames, matches, type Recipe, type Rule, ruleText } from '../recipe.js';

/** Longest pattern that is shown whole: a table with it fits 80 columns. */
const PATTERN_WIDTH = 40;

/** A pattern that names one layer alone: its id, or the shortest beginning of a long one that is no other's. */
export function shortPattern(id: string, layers: readonly LayerNames[]): string {
  if (id.length <= PATTERN_WIDTH) return id;
  for (let length = 1; length < id.length; length++) {
    const pattern = `${id.slice(0, length)}*`;
    if (layers.filter((layer) => matches(pattern, layer)).length === 1) return pattern;
  }
  return id;
}

/** A word for a shell, in single quotes always: a user will put a * into it. */
const inQuotes = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A rule as typed in a shell: `--rule 'conv2_out:bits=8,scheme=kmeans'`. */
export const ruleFlag = (rule: Rule): string => `--rule ${inQuotes(ruleText(rule))}`;

export const excludeFlag = (pattern: string): string => `--exclude ${inQuotes(pattern)}`;

/** The flags that say which bits and schemes the layers have, as typed in a shell. */
export function bitFlags({ scheme, bits, rules, exclude }: Recipe): string[] {
  return [
    ...(scheme === defaultRecipe.scheme ? [] : [`--scheme ${scheme}`]),
    ...(bits === defaultRecipe.bits ? [] : [`--bits ${bits}`]),
    ...rules.map(ruleFlag),
    ...exclude.map(excludeFlag),
  ];
}
