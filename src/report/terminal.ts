import type { OutputDrift } from '../evaluate/compare-outputs.js';
import { worstDb } from '../evaluate/drift.js';
import type { GateOutcome } from '../gate/outcome.js';
import { chalk } from './colours.js';
import { comparisonLines } from './comparison-lines.js';
import { escapeControls } from './escape.js';
import {
  askForMends,
  calibratedOn,
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
  measuredOn,
  outcomeOf,
  qualityOf,
  refinedBy,
  shortenName,
  sizeRatio,
  slowerWord,
  speedWarning,
  tuningNote,
  widthsOf,
  worstLayers,
} from './facts.js';
import {
  alignColumns,
  driftCells,
  formatBytes,
  formatDb,
  formatFixed,
  formatMs,
  formatPercent,
  formatPrecise,
  formatSigned,
} from './format.js';
import { halfNote } from './half-note.js';
import { layersLeftOut } from './left-out.js';
import { originsTable, whatToDo } from './origins-terminal.js';
import type { Reporter } from './reporter.js';
import type { Result } from './result.js';
import { searchOutcome } from './search-terminal.js';
import { setNameOf, setTable } from './sets.js';

/** A table that a person reads in five seconds: verdict, before and after, drift, worst layers, what to know. */
export const terminal = {
  name: 'terminal',
  summary: 'a table for people',
  render(result) {
    const blocks = [
      verdict(result),
      gates(result),
      beforeAndAfter(result),
      changes(result),
      sets(result),
      drift(result),
      result.origins.length > 0 ? originsTable(result) : worst(result),
      whatToDo(result),
      searchOutcome(result),
      notes(result),
    ];
    const text = blocks.filter((block) => block.length > 0).map((block) => block.join('\n'));
    return `${text.join('\n\n')}\n`;
  },
} as const satisfies Reporter;

/** Columns of a terminal that nobody has made wider. */
const WIDTH = 80;

function verdict(result: Result): string[] {
  const { float, quantized } = result;
  const size = `${sizeRatio(result).toFixed(2)}× the size`;
  const facts = [escapeControls(qualityOf(result)), size, ...slowerWord(result)];
  const summary = gateSummary(result);
  const colour = { passed: chalk.green, warned: chalk.yellow, failed: chalk.red };
  const word = summary && { passed: 'PASSED', warned: 'WARNING', failed: 'FAILED' }[summary.verdict];
  const names = `${escapeControls(float.name)} → ${chalk.bold(escapeControls(quantized.name))}`;
  const isLong = `${float.name} → ${quantized.name}`.length > WIDTH;
  return [
    ...(summary ? [`${chalk.bold(colour[summary.verdict](word))}  ${summary.text}`] : []),
    ...(isLong ? names.split(/ (?=→ )/) : [names]),
    ...wrapped(facts.join(' · '), 0).map((line) => chalk.bold(line)),
  ];
}

function gates({ gates: all }: Result): string[] {
  if (all.length === 0) return [];
  const rows = all.map((gate) => [`  ${signOf(gate)}`, shorten(gate.gate), escapeControls(gate.shown)]);
  return [
    'gates',
    ...alignColumns(rows).flatMap((line, i) => {
      const gate = all[i] as GateOutcome;
      const coloured = line.replace(/\S+/, (word) => gateColours[outcomeOf(gate)](word));
      return gate.reason === null
        ? [coloured]
        : [coloured, ...wrapped(`    ${escapeControls(gate.reason)}`, 4)];
    }),
  ];
}

const gateColours = { passed: chalk.green, warning: chalk.yellow, failed: chalk.red };

const signOf = (gate: GateOutcome): string =>
  ({ passed: 'passed', warning: 'warning', failed: 'FAILED' })[outcomeOf(gate)];

function beforeAndAfter(result: Result): string[] {
  const { float, quantized, task, metrics, timing } = result;
  const set = setNameOf(result);
  const { speed } = timing;
  const rows = [
    ['', 'float', 'quantized', ''],
    [
      'file',
      formatBytes(float.sizeBytes),
      formatBytes(quantized.sizeBytes),
      `${(quantized.sizeBytes / float.sizeBytes).toFixed(3)}×`,
    ],
  ];
  if (task) {
    const points = `${dropOf(task)} points (${count(task.samples, 'sample')}${set === undefined ? '' : ` of ${shorten(set)}`})`;
    rows.push(['top-1', formatPercent(task.float), formatPercent(task.quantized), points]);
    if (task.topFive) rows.push(['top-5', ...accuracyCells(task.topFive)]);
  }
  for (const metric of metrics) {
    const [before, after] = [metric.float, metric.quantized].map((value) =>
      value === null ? '–' : formatPrecise(value, 5),
    );
    // The widest row beside it takes 54 columns.
    rows.push([shorten(metric.name, 24), before ?? '–', after ?? '–', '']);
  }
  // All that differs from run to run is in this row, and in the line below it.
  if (speed) {
    const ratio = `${speed.ratio.toFixed(2)}× as fast (${count(speed.threads, 'thread')})`;
    rows.push(['one run', formatMs(speed.floatMs), formatMs(speed.quantizedMs), ratio]);
  }
  const slower = speed && speedWarning(speed);
  const folded = speed && foldingNote(speed);
  return [
    ...alignColumns(rows, [1, 2]),
    ...(folded ? wrapped(`  ${folded}`) : []),
    ...(task ? [`  top-1 changes by ${intervalOf(task)}`] : []),
    ...(halfNote(result) ? wrapped(`  ${escapeControls(halfNote(result) ?? '')}`) : []),
    ...(timing.tuning ? wrapped(`  ${tuningNote(timing.tuning)}`) : []),
    ...(slower ? warning(slower) : []),
  ];
}

const accuracyCells = ({ float, quantized }: { float: number; quantized: number }): string[] => [
  formatPercent(float),
  formatPercent(quantized),
  `${formatSigned(100 * (quantized - float), 2)} points`,
];

/** Several sets of samples side by side. */
function sets(result: Result): string[] {
  const found = setTable(result);
  if (!found) return [];
  const rows = found.rows.map(({ name, isWorst, cells }) => [
    `  ${shorten(name)}${isWorst ? ' (worst)' : ''}`,
    ...cells,
  ]);
  const heads = found.heads.map((head) => shorten(head, 16));
  return alignColumns(
    [['sets of samples', ...heads], ...rows],
    [...heads.keys()].map((i) => i + 1),
  );
}

function changes({ baseline }: Result): string[] {
  if (!baseline) return [];
  // What has no change to show has a sentence, which would push the figures to the side.
  const isKnown = ({ before, after }: { before: number | null; after: number | null }) =>
    before !== null && after !== null;
  const known = baseline.changes.filter(isKnown);
  const rows = known.map((change) => {
    const { before, after, shown } = describeChange(change);
    return [`  ${shorten(change.metric)}`, before, '→', after, escapeControls(shown)];
  });
  const others = baseline.changes.filter((change) => !isKnown(change));
  return [
    `since ${shorten(baseline.name)}`,
    ...alignColumns(rows, [1, 3, 4]),
    ...others.flatMap(({ metric, shown }) => wrapped(`  ${shorten(metric)}: ${escapeControls(shown)}`, 4)),
  ];
}

/** Outputs that are shown; of more, those with the most noise. */
const SHOWN_OUTPUTS = 8;

function drift(result: Result): string[] {
  const { outputs, task } = result;
  if (outputs.length === 0) return [];
  const plain = exactSession(result) === 'optimizations off' ? 'optimizations off' : 'without int kernels';
  const rows = [['drift from float', 'SQNR', 'cosine', 'max error', 'same top-1']];
  const shown = noisiest(outputs);
  for (const { name, deployed, exact } of shown) {
    const fewer = exact.samples < deployed.samples ? ` (first ${exact.samples})` : '';
    rows.push(
      [`  ${shorten(name, 34)}`, ...driftCells(deployed)],
      [`    ${plain}${fewer}`, ...driftCells(exact)],
      ...(deployed.groups ?? []).map((group) => [`    ${channelsOf(group)}`, formatDb(group.sqnrDb)]),
    );
  }
  const rest = outputs.length - shown.length;
  const more = rest > 0 ? [`  and ${count(rest, 'output')} with less noise: --json has all`] : [];
  return [
    ...alignColumns(rows, [1, 2, 3, 4]),
    ...more,
    ...shown.flatMap((output) => (output.name === task?.output ? [] : errorLines(output))),
    `  on ${measuredOn(result)}`,
  ];
}

/** In the order of the model. */
function noisiest(outputs: readonly OutputDrift[]): OutputDrift[] {
  const sqnr = ({ deployed }: OutputDrift) => worstDb(deployed) ?? Number.POSITIVE_INFINITY;
  const worstFirst = [...outputs].sort((a, b) => sqnr(a) - sqnr(b)).slice(0, SHOWN_OUTPUTS);
  return outputs.filter((output) => worstFirst.includes(output));
}

/** What a ranking of classes does not say of an output: how large its errors are, and how it keeps directions. */
function errorLines({ name, deployed, errors, embedding }: OutputDrift): string[] {
  const lines: string[] = [];
  if (errors && deployed.topOneAgreement === null) {
    const [p50, p99, p999] = [errors.p50, errors.p99, errors.p999].map((error) => error.toPrecision(3));
    lines.push(`    error within ${p50} (50 %), ${p99} (99 %), ${p999} (99.9 %)`);
  }
  if (embedding && deployed.topOneAgreement === null) {
    const { meanCosine, leastCosine, rankCorrelation, rankedSamples } = embedding;
    const order =
      rankCorrelation === null
        ? ''
        : `    rank correlation of their similarities ${formatFixed(rankCorrelation, 4)} (first ${rankedSamples})`;
    lines.push(
      `    as embeddings: mean cosine ${formatFixed(meanCosine, 5)}, least ${formatFixed(leastCosine, 4)}`,
    );
    if (order) lines.push(order);
  }
  return lines.length === 0 ? [] : [`  ${shorten(name)}:`, ...lines];
}

/** Layers named in the report. */
const WORST = 3;

function worst(result: Result): string[] {
  const layers = worstLayers(result, WORST);
  const [first] = layers;
  if (!first) return [];
  const rows = [['worst layers, error so far', 'SQNR', 'weights', 'input']];
  for (const { id, drift: measured } of layers) {
    const { weights, input } = widthsOf(result, id);
    rows.push([`  ${shorten(id)}`, formatDb(measured.sqnrDb), weights, input]);
  }
  const below = [layersLeftOut(result), askForMends(result, '--suggest')].filter(
    (line) => line !== undefined,
  );
  return [...alignColumns(rows, [1]), ...below.map((line) => `  ${line}`)];
}

/** A name for a table cell: harmless, and cut in the middle where it is long. */
const shorten = (name: string, width?: number): string => shortenName(escapeControls(name), width);

function notes(result: Result): string[] {
  const { quantized, runtime, warnings } = result;
  const compared = comparisonLines(result);
  if (compared) {
    const lines = [...compared, `measured on onnxruntime ${runtime.version}`];
    return [...lines.flatMap((line) => wrapped(escapeControls(line))), ...warnings.flatMap(warning)];
  }
  const { layers, kept } = coverageOf(result);
  const rest =
    kept === 0 ? 'nothing stays float' : `${count(kept, 'operator')} in float: \`quantize inspect\` says why`;
  const calibrated = calibratedOn(result);
  return [
    ...(layers > 0 ? [`${layersMade(result)}, ${rest}`] : []),
    ...[keptWide(result) ?? []].flat(),
    ...(calibrated ? [escapeControls(calibrated)] : []),
    ...refinedBy(result).flatMap((line) => wrapped(escapeControls(line))),
    quantized.oldestRuntime
      ? `runs on onnxruntime ${quantized.oldestRuntime} and later (measured on ${runtime.version})`
      : `measured on onnxruntime ${runtime.version}`,
    ...warnings.flatMap(warning),
  ];
}

const warning = (text: string): string[] => wrapped(`warning: ${escapeControls(text)}`).map(coloured);

const coloured = (line: string): string =>
  line.startsWith('warning:') ? line.replace('warning:', chalk.yellow('warning:')) : line;

/** Words in lines that fit the terminal, all but the first indented. */
function wrapped(text: string, indent = 2): string[] {
  const lines: string[] = [];
  for (const word of text.split(/(?<=\S) /)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= WIDTH)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(line === undefined ? word : `${' '.repeat(indent)}${word}`);
  }
  return lines;
}
