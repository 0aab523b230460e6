import { comparisonLines } from './comparison-lines.js';
import { escapeMarkdown, markdownCode } from './escape.js';
import {
  askForMends,
  calibratedOn,
  changeOf,
  channelsOf,
  count,
  coverageOf,
  describeChange,
  dropOf,
  exactSession,
  foldingNote,
  gateSummary,
  intervalOf,
  keptWide,
  layersMade,
  measuredOf,
  measuredOn,
  noHelp,
  outcomeOf,
  qualityOf,
  refinedBy,
  sizeRatio,
  slowerWord,
  speedWarning,
  tuningNote,
  widthsOf,
  worstLayers,
  worstOrigins,
} from './facts.js';
import {
  driftRow,
  formatBytes,
  formatCost,
  formatDate,
  formatDb,
  formatMs,
  formatPercent,
  formatShort,
} from './format.js';
import { halfNote } from './half-note.js';
import { layersLeftOut } from './left-out.js';
import { meaningOf } from './meaning.js';
import { NO_HELP } from './origins-terminal.js';
import type { Reporter } from './reporter.js';
import type { Result } from './result.js';
import { setNameOf, setTable } from './sets.js';
import { sparkline, trendsOf } from './trend.js';

/** Tables for a job's summary or a comment on a pull request, in GitHub's Markdown. */
export const markdown = {
  name: 'markdown',
  summary: "GitHub's Markdown, for a job's summary",
  ending: '.md',
  render(result) {
    const blocks = [
      verdict(result),
      gates(result),
      changes(result),
      trend(result),
      beforeAndAfter(result),
      sets(result),
      drift(result),
      result.origins.length > 0 ? origins(result) : worst(result),
      whatToDo(result),
      metrics(result),
      warnings(result),
      reproduce(result),
      timing(result),
    ];
    return `${blocks.filter((block) => block.length > 0).join('\n\n')}\n`;
  },
} as const satisfies Reporter;

/** A table; cells are Markdown already. */
function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const edge = heads.map((_, column) => (right.includes(column) ? '--:' : '---'));
  return [heads, edge, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export const signs = { passed: '✅', warned: '⚠️', warning: '⚠️', failed: '❌' } as const;

function verdict(result: Result): string {
  const { float, quantized } = result;
  const summary = gateSummary(result);
  const size = `${sizeRatio(result).toFixed(2)}× the size`;
  const facts = [qualityOf(result), size, ...slowerWord(result)].join(' · ');
  const kind = result.command === 'compare' ? 'Comparison' : 'Quantization';
  const head = summary ? `${signs[summary.verdict]} ${sentence(summary.text)}` : kind;
  const names = `${markdownCode(float.name)} → ${markdownCode(quantized.name)}`;
  return `### ${head}\n\n${names}: **${escapeMarkdown(facts)}**\n\n${escapeMarkdown(meaningOf(result).join(' '))}`;
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function gates({ gates: all }: Result): string {
  if (all.length === 0) return '';
  const rows = all.map((gate) => {
    const outcome = outcomeOf(gate);
    return [
      `${signs[outcome]} ${outcome}`,
      markdownCode(gate.gate),
      escapeMarkdown(gate.limit),
      escapeMarkdown(measuredOf(gate)),
      gate.margin === null ? '–' : escapeMarkdown(gate.margin),
    ];
  });
  return table(['', 'gate', 'limit', 'measured', 'room left'], rows, [2, 3, 4]);
}

function changes({ baseline }: Result): string {
  if (!baseline) return '';
  const rows = baseline.changes.map((change) => {
    const { before, after, shown } = describeChange(change);
    return [markdownCode(change.metric), before, after, escapeMarkdown(shown)];
  });
  const heads = ['metric', 'before', 'now', 'change'];
  return `**Change since ${markdownCode(baseline.name)}**\n\n${table(heads, rows, [1, 2, 3])}`;
}

/** How the numbers went over the runs of a history; times stand in the last line alone. */
function trend(result: Result): string {
  const trends = trendsOf(result).filter(({ isTimed }) => !isTimed);
  if (trends.length === 0) return '';
  const rows = trends.map(({ name, values, first, now, change }) => [
    name,
    sparkline(values),
    first,
    now,
    change,
  ]);
  const runs = count(result.history.length, 'earlier run');
  return `**Trend over ${runs}**\n\n${table(['', 'runs', 'first', 'now', 'since the run before'], rows, [2, 3, 4])}`;
}

function beforeAndAfter(result: Result): string {
  const { float, quantized, task } = result;
  const set = setNameOf(result);
  const rows = [
    [
      'file',
      formatBytes(float.sizeBytes),
      formatBytes(quantized.sizeBytes),
      `${sizeRatio(result).toFixed(3)}×`,
    ],
  ];
  if (task) {
    const points = `${dropOf(task)} points (${count(task.samples, 'sample')}${set === undefined ? '' : ` of ${escapeMarkdown(set)}`})`;
    rows.push(['top-1', formatPercent(task.float), formatPercent(task.quantized), points]);
    if (task.topFive) {
      const { float: before, quantized: after } = task.topFive;
      rows.push(['top-5', formatPercent(before), formatPercent(after), `${dropOf(task.topFive)} points`]);
    }
  }
  const interval = task ? `\n\nTop-1 changes by ${intervalOf(task)}.` : '';
  return `${table(['', 'float', 'quantized', ''], rows, [1, 2])}${interval}`;
}

/** Several sets of samples side by side. */
function sets(result: Result): string {
  const found = setTable(result);
  if (!found) return '';
  const rows = found.rows.map(({ name, isWorst, cells }) => [
    `${markdownCode(name)}${isWorst ? ' (worst)' : ''}`,
    ...cells,
  ]);
  const heads = found.heads.map(escapeMarkdown);
  return table(
    ['set of samples', ...heads],
    rows,
    [...heads.keys()].map((i) => i + 1),
  );
}

function drift(result: Result): string {
  const { outputs } = result;
  if (outputs.length === 0) return '';
  const rows = outputs.flatMap(({ name, deployed, exact }) => [
    [markdownCode(name), ...driftRow(deployed)],
    [exactSession(result), ...driftRow(exact)],
    ...(deployed.groups ?? []).map((group) => [channelsOf(group), formatDb(group.sqnrDb), '', '', '', '']),
  ]);
  const heads = ['drift from float', 'SQNR', 'cosine', 'max error', 'same top-1', 'samples'];
  return `${table(heads, rows, [1, 2, 3, 4, 5])}\n\nMeasured on ${measuredOn(result)}.`;
}

/** Layers named in the report. */
const WORST = 5;

function worst(result: Result): string {
  const layers = worstLayers(result, WORST);
  const [first] = layers;
  if (!first) return '';
  const rows = layers.map(({ id, drift: measured }) => {
    const { weights, input } = widthsOf(result, id);
    return [markdownCode(id), formatDb(measured.sqnrDb), weights, input];
  });
  const made = table(['worst layers, error so far', 'SQNR', 'weights', 'input'], rows, [1]);
  const below = [layersLeftOut(result), askForMends(result, '`--suggest`')].filter(
    (line) => line !== undefined,
  );
  return [made, ...below].join('\n\n');
}

/** The layers and operators that do most to the output. */
function origins(result: Result): string {
  const rows = worstOrigins(result, WORST).map(({ id, ...origin }) => [
    markdownCode(id),
    ...[origin.ownDb, origin.effectDb, origin.weightEffectDb, origin.inputEffectDb].map((db) =>
      db === null ? '–' : formatDb(db),
    ),
  ]);
  const heads = ['worst layers, each quantized alone', 'own result', 'output', 'by weights', 'by input'];
  return table(heads, rows, [1, 2, 3, 4]);
}

/** What mends the worst layers, and what came of trying it. */
function whatToDo(result: Result): string {
  const { suggestions } = result;
  if (suggestions.length === 0) return '';
  const rows = suggestions.map(({ flag, costBytes, tried }) => [
    markdownCode(flag),
    formatCost(costBytes),
    tried ? escapeMarkdown(changeOf(tried)) : 'not tried',
  ]);
  const head = noHelp(result) ? NO_HELP : 'what to do, each tried by itself';
  return table([head, 'file', 'worst output'], rows, [1]);
}

function metrics({ metrics: all }: Result): string {
  if (all.length === 0) return '';
  const text = (value: number | null) => (value === null ? '–' : formatShort(value, 6));
  const rows = all.map(({ name, float, quantized }) => [markdownCode(name), text(float), text(quantized)]);
  return table(['metric', 'float', 'quantized'], rows, [1, 2]);
}

function warnings({ warnings: all }: Result): string {
  // A list of alerts would be a page of boxes: one holds them all.
  return all.length === 0
    ? ''
    : ['> [!WARNING]', ...all.map((text) => `> - ${escapeMarkdown(text)}`)].join('\n');
}

function reproduce(result: Result): string {
  const { layers, kept } = coverageOf(result);
  const calibrated = calibratedOn(result);
  const compared = comparisonLines(result);
  if (compared) return compared.map((line) => `- ${escapeMarkdown(line)}`).join('\n');
  const facts = [
    ...(layers > 0
      ? [`${layersMade(result)}, ${count(kept, 'operator')} in float`, ...[keptWide(result) ?? []].flat()]
      : []),
    ...(calibrated ? [calibrated] : []),
    ...refinedBy(result),
    ...[halfNote(result) ?? []].flat(),
    `onnxruntime ${result.runtime.version}`,
  ];
  const line = sentence(escapeMarkdown(facts.join('; ')));
  return result.reproduce === null ? `${line}.` : `${line}. Made by ${markdownCode(result.reproduce)}`;
}

/** All that differs from run to run. */
function timing(result: Result): string {
  const { speed, elapsedMs, at } = result.timing;
  const ended = `this took ${(elapsedMs / 1000).toFixed(1)} s in all, on ${formatDate(at)}.`;
  if (!speed) return `Nothing was timed; ${ended}`;
  const run = `One run takes ${formatMs(speed.quantizedMs)} instead of ${formatMs(speed.floatMs)}`;
  const ratio = `${speed.ratio.toFixed(2)}× as fast on ${count(speed.threads, 'thread')}`;
  const slower = speedWarning(speed);
  const folded = foldingNote(speed);
  const times = `${run} (${ratio}${folded ? `; ${folded}` : ''}); ${ended}`;
  const timed = trendsOf(result).find(({ isTimed }) => isTimed);
  const all = timed
    ? `${times} Speed over the runs: ${sparkline(timed.values)}, ${timed.change} since the one before.`
    : times;
  const tuned = result.timing.tuning
    ? `${all} ${escapeMarkdown(sentence(tuningNote(result.timing.tuning)))}.`
    : all;
  return slower ? `${tuned} ⚠️ ${escapeMarkdown(slower)}` : tuned;
}
