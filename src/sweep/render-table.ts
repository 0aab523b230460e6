import chalk from 'chalk';
import { escapeControls } from '../report/escape.js';
import { alignColumns, formatBytes, formatDb, formatPercent, formatSigned } from '../report/format.js';
import { agreementOf, type SweepRecord, type SweepResult, type SweptSet, sqnrOf } from './record.js';

/** The cells of one result under their headings: what the table and the page show. */
export function cellsOf(result: SweepResult, record: SweepRecord): Record<string, string> {
  const { task, sizeBytes, speed, spread } = result;
  const agreement = agreementOf(result);
  return {
    size: formatBytes(sizeBytes),
    ratio: `${(sizeBytes / record.float.sizeBytes).toFixed(3)}×`,
    ...(task && {
      'top-1': `${formatPercent(task.quantized)}${off(spread?.topOne, points)}`,
      points: formatSigned(100 * (task.quantized - task.float), 2),
    }),
    ...(!task &&
      agreement !== undefined && {
        'same top-1': `${formatPercent(agreement)}${off(spread?.agreement, points)}`,
      }),
    SQNR: shownSqnr(result),
    ...Object.fromEntries((result.sets ?? []).map((set) => [shownName(set), shownSet(set)])),
    ...(speed && { speed: `${speed.ratio.toFixed(2)}×` }),
  };
}

const shownName = ({ name, task }: SweptSet): string => `${task ? 'top-1' : 'SQNR'} ${name}`;

/** What one of several sets gave: its accuracy, or the SQNR of its worst output. */
const shownSet = (set: SweptSet): string =>
  set.task ? `${formatPercent(set.task.quantized)}${off(set.spread?.topOne, points)}` : shownSqnr(set);

function shownSqnr({ outputs, spread }: Pick<SweptSet, 'outputs' | 'spread'>): string {
  const sqnr = sqnrOf({ outputs });
  const shown = formatDb(Number.isFinite(sqnr) ? sqnr : null);
  return `${shown}${off(spread?.sqnrDb, (value) => value.toFixed(1))}`;
}

/** A standard deviation over seeds, behind its mean. */
const off = (deviation: number | null | undefined, show: (value: number) => string): string =>
  deviation === null || deviation === undefined ? '' : ` ± ${show(deviation)}`;

const points = (share: number): string => (100 * share).toFixed(2);

/**
 * The sweep for a terminal: a table of all combinations, those on the Pareto front marked, and the best one.
 *
 * @param command - what makes the best one, as it can be typed here; that of the record without it
 */
export function renderTable(record: SweepRecord, command = record.choice?.command ?? ''): string {
  const { results, front, evaluation, float } = record;
  const cells = results.map((result) => cellsOf(result, record));
  const headings = [...new Set(cells.flatMap((row) => Object.keys(row)))];
  const rows = results.map((result, i) => [
    `${front.includes(result.name) ? '*' : ' '} ${result.name}`,
    ...headings.map((heading) => cells[i]?.[heading] ?? ''),
  ]);
  const right = headings.map((_, i) => i + 1);
  const lines = alignColumns([['  combination', ...headings], ...rows], right);
  const count = (n: number, noun: string) => `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`;
  const [task] = results.flatMap((result) => result.task ?? []);
  const accuracy = task ? `, top-1 ${formatPercent(task.float)}` : '';
  const head = [
    `${chalk.bold(escapeControls(float.name))}: ${formatBytes(float.sizeBytes)}${accuracy}; ${count(results.length, 'combination')} on ${count(evaluation.samples, `${evaluation.kind} sample`)}`,
  ];
  const note = '* no other combination is better in size, activation width and quality taken together';
  return `${[...head, '', ...lines.map(escapeControls), '', note, ...choiceLines(record, command)].join('\n')}\n`;
}

function choiceLines({ choice }: SweepRecord, command: string): string[] {
  if (!choice) return [];
  const { limits, name } = choice;
  if (name === null) return [`no combination keeps to ${limits}`];
  return [`best with ${limits}: ${chalk.bold(name)}`, `  ${escapeControls(command)}`];
}
