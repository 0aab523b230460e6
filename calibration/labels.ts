import { extname, posix } from 'node:path';
import { QuantizeError } from '../src/errors.js';
import { readWhole } from '../src/files/open.js';
import { parseNpy } from './readers/npy-format.js';
import type { SampleSet } from './sample-set.js';

/** The word that takes the image folder's own class folders for labels. */
export const FOLDER_LABELS = 'folders';

/** The samples that labels belong to. */
export type LabelledSamples = Pick<SampleSet, 'label' | 'length' | 'names'>;

/**
 * The class of each sample:
 *
 * - a .npy of integers, one a sample, in their order;
 * - a .csv, one class a line in the order of the samples, or `file,class`, the file by its path in the image folder or
 *   by its name; a header is skipped;
 * - `folders`: images in class folders, which count from 0 in sorted order.
 *
 * @throws QuantizeError where there are more or fewer than samples, or they are no integers
 */
export async function readLabels(path: string, samples: LabelledSamples): Promise<number[]> {
  if (path === FOLDER_LABELS) return folderLabels(samples);
  const bytes = await readWhole(path);
  const labels =
    extname(path).toLowerCase() === '.csv'
      ? csvLabels(path, new TextDecoder().decode(bytes), samples)
      : npyLabels(path, bytes);
  if (labels.length === samples.length) return labels;
  throw new QuantizeError('labels-mismatch', { path, found: labels.length, expected: samples.length });
}

function npyLabels(path: string, bytes: Uint8Array): number[] {
  const array = parseNpy(path, bytes);
  const isList = array.dims.length === 1 || (array.dims.length === 2 && array.dims[1] === 1);
  if (!isList || array.type.startsWith('float')) {
    const reason = `it holds ${array.type} [${array.dims.join(', ')}], where labels are a list of integers`;
    throw new QuantizeError('data-format', { path, reason, mend: 'Give the class index of each sample.' });
  }
  return Array.from(array.data as ArrayLike<number | bigint>, Number);
}

const CLASS = /^\d+$/;

function csvLabels(path: string, text: string, samples: LabelledSamples): number[] {
  const rows = text
    .split(/\r\n|\n|\r/)
    .map((line, at) => ({ line: at + 1, cells: cellsOf(line) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''));
  const isRow = ({ cells }: { cells: string[] }) => CLASS.test(cells.at(-1) ?? '');
  const [first] = rows;
  const body = first && !isRow(first) ? rows.slice(1) : rows;
  const odd = body.find((row) => !isRow(row) || row.cells.length !== body[0]?.cells.length);
  const columns = body[0]?.cells.length ?? 0;
  if (odd || columns < 1 || columns > 2) {
    const reason = odd ? `line ${odd.line} is "${odd.cells.join(',')}"` : `it has ${columns} columns`;
    const mend = 'Write one class index a line, or rows `file,class`; a header may stand before them.';
    throw new QuantizeError('data-format', { path, reason, mend });
  }
  const classes = body.map(({ cells }) => Number(cells.at(-1)));
  if (columns === 1) return classes;
  return matched(
    path,
    body.map(({ cells }, i) => [cells[0] ?? '', classes[i] as number]),
    samples,
  );
}

/** Cells between commas; quotes around one are taken off, doubled ones in it are one. */
function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain = '']) =>
    quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'),
  );
}

/** Rows by the path in the folder, and by the file's name where only one sample has it. */
function matched(
  path: string,
  rows: readonly (readonly [file: string, label: number])[],
  { label, names }: LabelledSamples,
): number[] {
  if (!names) throw new QuantizeError('labels-need-files', { labels: path, path: label });
  const byFile = new Map(
    rows.map(([file, value]) => [file.replaceAll('\\', '/').replace(/^\.\//, ''), value]),
  );
  const times = new Map<string, number>();
  for (const name of names) times.set(posix.basename(name), (times.get(posix.basename(name)) ?? 0) + 1);
  return names.map((name) => {
    const base = posix.basename(name);
    const found = byFile.get(name) ?? (times.get(base) === 1 ? byFile.get(base) : undefined);
    if (found === undefined) throw new QuantizeError('labels-unmatched', { path, sample: name });
    return found;
  });
}

function folderLabels({ label, names }: LabelledSamples): number[] {
  if (!names) throw new QuantizeError('labels-need-files', { labels: '--labels folders', path: label });
  const classes = names.map((name) => (name.includes('/') ? name.split('/')[0] : undefined));
  const loose = classes.indexOf(undefined);
  if (loose >= 0) {
    const reason = `${names[loose]} stands in no class folder`;
    const mend = 'Give the folder that holds one folder for each class, or a .csv with --labels.';
    throw new QuantizeError('data-format', { path: label, reason, mend });
  }
  const sorted = [...new Set(classes)].sort();
  return classes.map((name) => sorted.indexOf(name));
}
