import type { SearchRecord } from '../search/record.js';

/** What a user should know of a search before trusting its outcome. */
export function searchWarnings(search: SearchRecord | undefined): string[] {
  if (!search) return [];
  const warnings: string[] = [];
  if (!search.met)
    warnings.push(
      'The search found no recipe that keeps the limits on its own samples; this is the one that comes nearest.',
    );
  if (!search.isApart)
    warnings.push(
      'There are too few samples to spare some: the outcome is stated on those that the search has seen.',
    );
  return warnings;
}
