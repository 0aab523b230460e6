import * as z from 'zod';
import { allowedAt, choicesAt, type JsonSchema, keysAt, type Place } from './allowed.js';
import { nearestName } from './nearest-name.js';

type Issue = z.core.$ZodIssue;

/** What is wrong with a value: where, and what is allowed there. */
export interface Mistake {
  readonly place: Place;
  /** Follows the name of the place, as `cannot be 9`. */
  readonly problem: string;
  readonly mend: string;
}

/** The JSON Schema of what may be given, for editors and for messages. */
export const jsonSchemaOf = (schema: z.ZodType): object =>
  z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' });

/**
 * A value from a user, checked.
 *
 * @param fail - makes the error of the first mistake, which is thrown
 */
export function checked<T extends z.ZodType>(
  schema: T,
  content: unknown,
  fail: (mistake: Mistake) => Error,
): z.output<T> {
  const found = schema.safeParse(content);
  if (found.success) return found.data;
  const [first] = found.error.issues;
  if (!first) throw new Error('a check that failed without an issue');
  throw fail(describe(nearestIssue(first), content, jsonSchemaOf(schema)));
}

/** `models[1].recipe.bits`; keys that are no plain words in quotes. */
export function showPlace(place: Place): string {
  return place
    .map((part, i) => {
      if (typeof part === 'number') return `[${part}]`;
      const text = String(part);
      if (!/^[\w$]+$/.test(text)) return `[${JSON.stringify(text)}]`;
      return i === 0 ? text : `.${text}`;
    })
    .join('');
}

const SHOWN_LENGTH = 60;

/** A value in a message, cut where it is long. */
export function show(value: unknown): string {
  // JSON has no NaN and no functions, which a program may hand over.
  const text =
    typeof value === 'number' || typeof value === 'bigint' || typeof value === 'function'
      ? String(value)
      : (JSON.stringify(value) ?? String(value));
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}…`;
}

/** An issue in words: what is wrong, and what is allowed there. */
function describe(issue: Issue, content: unknown, schema: JsonSchema): Mistake {
  const { path: place } = issue;
  const value = valueAt(content, place);
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const known = keysAt(schema, place);
    const nearest = nearestName(key, known);
    const mend = `${nearest ? `Did you mean ${nearest}? ` : ''}The keys there are ${known.join(', ')}.`;
    return { place: [...place, key], problem: 'is no key that is known', mend };
  }
  if (issue.code === 'custom')
    return { place, problem: issue.message, mend: String(issue.params?.mend ?? '') };
  const allowed = `Give ${allowedAt(schema, place)}.`;
  if (value === undefined) return { place, problem: 'is missing', mend: allowed };
  const nearest = typeof value === 'string' ? nearestName(value, choicesAt(schema, place)) : undefined;
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

function valueAt(content: unknown, place: Place): unknown {
  return place.reduce<unknown>(
    (value, part) => (value as Record<PropertyKey, unknown> | null | undefined)?.[part],
    content,
  );
}
