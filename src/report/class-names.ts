import { QuantizeError, reasonOf } from '../errors.js';
import { readWhole } from '../files/open.js';
import { isRecord } from '../validate/is-record.js';

/** More classes than any model has: what is longer is another file. */
const MOST_NAMES = 1_000_000;

/**
 * The names of classes: a text file with one a line, the first of class 0, or JSON, a list or an object by number.
 *
 * @returns names by class; a class without one has the empty text
 * @throws QuantizeError `file-missing`, or `bad-option` for what is neither
 */
export async function readClassNames(path: string): Promise<string[]> {
  const text = new TextDecoder().decode(await readWhole(path)).replace(/^\ufeff/, '');
  const names = /\.json$/i.test(path) ? ofJson(path, text) : text.split(/\r?\n/).map((line) => line.trim());
  while (names.at(-1) === '') names.pop();
  if (names.length === 0) throw refuse(path, 'it holds no name');
  return names;
}

const refuse = (path: string, reason: string): QuantizeError =>
  new QuantizeError('bad-option', {
    flag: '--class-names',
    problem: `cannot be read from ${path}: ${reason}`,
    mend: 'Give a text file with one name a line, that of class 0 first, or JSON: ["cat","dog"] or {"0":"cat","1":"dog"}.',
  });

function ofJson(path: string, text: string): string[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (thrown) {
    throw refuse(path, reasonOf(thrown));
  }
  if (Array.isArray(content) && content.every((name) => typeof name === 'string')) return [...content];
  if (!isRecord(content)) throw refuse(path, 'it is no list of names');
  const names: string[] = [];
  for (const [key, value] of Object.entries(content)) {
    const at = /^\d+$/.test(key) ? Number(key) : MOST_NAMES;
    if (at >= MOST_NAMES || typeof value !== 'string') throw refuse(path, `"${key}" is no class with a name`);
    names[at] = value;
  }
  return Array.from(names, (name) => name ?? '');
}
