import { extname, resolve } from 'node:path';
import { type Files, withCommit } from '../emit/commit.js';
import { checkOutput } from '../emit/write-file.js';
import { QuantizeError } from '../errors.js';
import type { Reporter } from './reporter.js';
import { reporters } from './reporters.js';
import type { Result } from './result.js';

/** The endings that a report's file can have, for messages and help. */
export const reportEndings: readonly string[] = reporters.flatMap(({ ending }) => (ending ? [ending] : []));

/** The format of a report by its file's name. */
function reporterFor(path: string): Reporter {
  const ending = extname(path).toLowerCase();
  const reporter = reporters.find((candidate) => candidate.ending === ending);
  if (reporter) return reporter;
  throw new QuantizeError('bad-option', {
    flag: '--report',
    problem: `cannot be "${path}", whose ending is no format of reports`,
    mend: `End the file's name in one of: ${reportEndings.join(', ')}.`,
  });
}

/**
 * Refuse reports before any work is done.
 *
 * @param others - files that are read or written in the same run
 * @throws QuantizeError where a format is unknown, a folder cannot be written, or a report would replace another file
 */
export async function checkReports(
  paths: readonly string[] = [],
  others: readonly string[] = [],
): Promise<void> {
  for (const [index, path] of paths.entries()) {
    reporterFor(path);
    for (const other of [...others, ...paths.slice(0, index)]) await checkApart(path, other);
  }
}

/**
 * Refuse a report that is another file of the same run, be it there already or not.
 *
 * @throws QuantizeError `bad-option`, `output-is-input` or `file-unwritable`
 */
export async function checkApart(path: string, other: string): Promise<void> {
  if (resolve(path) !== resolve(other)) return checkOutput(other, path);
  const problem = `cannot be "${path}", which is another file of this run`;
  throw new QuantizeError('bad-option', { flag: '--report', problem, mend: 'Choose another name.' });
}

/**
 * Write the reports, each in the format that its file's name ends in.
 *
 * @throws QuantizeError where a format is unknown or a file cannot be written
 */
export async function writeReports(result: Result, paths: readonly string[] = []): Promise<void> {
  await withCommit((files) => addReports(files, result, paths));
}

/** Add the reports to the files that a run puts at their places together. */
export async function addReports(files: Files, result: Result, paths: readonly string[] = []): Promise<void> {
  for (const path of paths) await files.write(path, await reporterFor(path).render(result));
}
