import { dirname, relative, sep } from 'node:path';
import { withCommit } from '../emit/commit.js';
import { chalk } from './colours.js';
import { escapeControls } from './escape.js';
import { count, type GateSummary, gateSummary, qualityOf, sizeRatio } from './facts.js';
import { alignColumns } from './format.js';
import type { Result } from './result.js';

/** One model of several, and the reports that were written of it. */
export interface ReportedResult {
  readonly result: Result;
  readonly reports: readonly string[];
}

/** What came of several models together. */
export function verdictOfAll(results: readonly Result[]): GateSummary {
  const verdicts = results.map((result) => gateSummary(result)?.verdict ?? 'passed');
  const of = (wanted: string) => verdicts.filter((verdict) => verdict === wanted).length;
  const failed = of('failed');
  if (failed > 0) return { verdict: 'failed', text: `${failed} of ${count(results.length, 'model')} failed` };
  const warned = of('warned');
  if (warned > 0)
    return {
      verdict: 'warned',
      text: `${warned} of ${count(results.length, 'model')} missed a gate, as a warning`,
    };
  return { verdict: 'passed', text: `all ${count(results.length, 'model')} passed` };
}

const words = { passed: 'passed', warned: 'warning', failed: 'FAILED' } as const;

/** What came of several models, a line each and one for all, for a terminal. */
export function severalLines(results: readonly Result[]): string {
  const colour = { passed: chalk.green, warned: chalk.yellow, failed: chalk.red };
  const summaries = results.map((result) => gateSummary(result)?.verdict);
  const rows = results.map((result, i) => [
    `  ${words[summaries[i] ?? 'passed']}`,
    escapeControls(result.quantized.name),
    escapeControls(qualityOf(result)),
    `${sizeRatio(result).toFixed(2)}×`,
  ]);
  const lines = alignColumns(rows, [3]).map((line, i) =>
    line.replace(/\S+/, (word) => colour[summaries[i] ?? 'passed'](word)),
  );
  const { verdict, text } = verdictOfAll(results);
  return `${[chalk.bold(colour[verdict](text)), ...lines].join('\n')}\n`;
}

/** Write one page for several models, with ways to the page of each. */
export async function writeIndex(path: string, entries: readonly ReportedResult[]): Promise<void> {
  const { renderIndex } = await import('./html/index-page.js');
  const folder = dirname(path);
  const page = renderIndex(
    entries.map(({ result, reports }) => {
      const own = reports.find((report) => /\.html$/i.test(report));
      return { result, page: own === undefined ? undefined : addressOf(relative(folder, own)) };
    }),
    verdictOfAll(entries.map(({ result }) => result)),
  );
  await withCommit((files) => files.write(path, page));
}

/** A relative path as an address: nothing in it is a scheme, a query or a fragment. */
const addressOf = (path: string): string => `./${path.split(sep).map(encodeURIComponent).join('/')}`;
