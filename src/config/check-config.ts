import type * as z from 'zod';
import { QuantizeError } from '../errors.js';
import { nearestName } from '../gate/nearest-name.js';
import { allowedAt, choicesAt, keysAt } from './allowed.js';
import type { FoundConfig } from './read-config.js';
import { type ConfigFile, configSchema } from './schema.js';

type Issue = z.core.$ZodIssue;
type Place = readonly PropertyKey[];

/**
 * Check the content of a configuration.
 *
 * @throws QuantizeError `config-value` for the first thing that is wrong with it
 */
export function checkConfig(found: FoundConfig): ConfigFile {
  const checked = configSchema.safeParse(found.content);
  if (checked.success) return checked.data;
  const fail = valueError(found);
  const [first] = checked.error.issues;
  if (!first) throw new Error('a check that failed without an issue');
  const { place, problem, mend } = describe(nearestIssue(first), found.content);
  throw fail(place, problem, mend);
}

/** Makes the error for a value of a configuration. */
export const valueError =
  ({ path, prefix }: Pick<FoundConfig, 'path' | 'prefix'>) =>
  (place: Place, problem: string, mend: string): QuantizeError => {
    const whole = [...prefix, ...place];
    const where = whole.length === 0 ? 'the configuration' : showPlace(whole);
    return new QuantizeError('config-value', { path, where, problem, mend });
  };

/** `models[1].recipe.bits`; keys that are no plain words in quotes. */
function showPlace(place: Place): string {
  return place
    .map((part, i) => {
      if (typeof part === 'number') return `[${part}]`;
      const text = String(part);
      if (!/^[\w$]+$/.test(text)) return `[${JSON.stringify(text)}]`;
      return i === 0 ? text : `.${text}`;
    })
    .join('');
}

/** An issue in words: what is wrong, and what is allowed there. */
function describe(issue: Issue, content: unknown): { place: Place; problem: string; mend: string } {
  const { path: place } = issue;
  const value = valueAt(content, place);
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const known = keysAt(place);
    const nearest = nearestName(key, known);
    const mend = `${nearest ? `Did you mean ${nearest}? ` : ''}The keys there are ${known.join(', ')}.`;
    return { place: [...place, key], problem: 'is no key that is known', mend };
  }
  const allowed = `Give ${allowedAt(place)}.`;
  if (value === undefined) return { place, problem: 'is missing', mend: allowed };
  const nearest = typeof value === 'string' ? nearestName(value, choicesAt(place)) : undefined;
  const mend = nearest ? `Did you mean ${nearest}? ${allowed}` : allowed;
  return { place, problem: `cannot be ${show(value)}`, mend };
}

/** Of a value that fits no branch of a union, the issue of the branch that it comes nearest to. */
function nearestIssue(issue: Issue, before: Place = []): Issue {
  const path = [...before, ...issue.path];
  if (issue.code !== 'invalid_union') return { ...issue, path };
  // A branch that only says that the value is of another type was not meant.
  const isMeant = (found: Issue) => found.path.length > 0 || found.code === 'unrecognized_keys';
  const meant = issue.errors.flat().find(isMeant);
  return meant ? nearestIssue(meant, path) : { ...issue, path };
}

const SHOWN_LENGTH = 60;

/** A value of the file, cut where it is long. */
function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}…`;
}

function valueAt(content: unknown, place: Place): unknown {
  return place.reduce<unknown>(
    (value, part) => (value as Record<PropertyKey, unknown> | null | undefined)?.[part],
    content,
  );
}
