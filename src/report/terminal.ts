import chalk from 'chalk';
import type { OutputDrift } from '../evaluate/compare-outputs.js';
import type { Drift } from '../evaluate/drift.js';
import { matches } from '../recipe.js';
import { escapeControls } from './escape.js';
import { alignColumns, formatBytes, formatDb, formatMs, formatPercent, formatSigned } from './format.js';
import type { Reporter } from './reporter.js';
import type { ComparisonRecord, Result } from './result.js';

/** A table that a person reads in five seconds: verdict, before and after, drift, worst layers, what to know. */
export const terminal: Reporter = {
  name: 'terminal',
  summary: 'a table for people',
  render(result) {
    const blocks = [
      verdict(result),
      beforeAndAfter(result),
      drift(result),
      worstLayers(result),
      notes(result),
    ];
    const text = blocks.filter((block) => block.length > 0).map((block) => block.join('\n'));
    return `${text.join('\n\n')}\n`;
  },
};

function verdict(result: Result): string[] {
  const { float, quantized, timing } = result;
  const facts = [
    quality(result),
    `${(quantized.sizeBytes / float.sizeBytes).toFixed(2)}× the size`,
    `${timing.speed.ratio.toFixed(2)}× the speed`,
  ];
  return [
    `${escapeControls(float.name)} → ${chalk.bold(escapeControls(quantized.name))}`,
    `${chalk.bold(facts.join(' · '))}`,
  ];
}

function quality({ task, outputs }: Result): string {
  if (task) {
    const points = formatSigned(100 * (task.quantized - task.float), 2);
    return `top-1 ${formatPercent(task.quantized)} (${points} points)`;
  }
  const [output] = outputs;
  if (!output) return 'no output to compare';
  const { topOneAgreement, sqnrDb } = output.deployed;
  if (topOneAgreement !== null) return `same top-1 on ${formatPercent(topOneAgreement)} of the samples`;
  return `SQNR ${formatDb(sqnrDb)}`;
}

function beforeAndAfter({ float, quantized, task, metrics, timing }: Result): string[] {
  const { speed } = timing;
  const rows = [
    ['', 'float', 'quantized', ''],
    [
      'file',
      formatBytes(float.sizeBytes),
      formatBytes(quantized.sizeBytes),
      `${(quantized.sizeBytes / float.sizeBytes).toFixed(3)}×`,
    ],
    [
      'one run',
      formatMs(speed.floatMs),
      formatMs(speed.quantizedMs),
      `${speed.ratio.toFixed(2)}× as fast (${count(speed.threads, 'thread')})`,
    ],
  ];
  if (task) {
    const points = `${formatSigned(100 * (task.quantized - task.float), 2)} points (${count(task.samples, 'sample')})`;
    rows.push(['top-1', formatPercent(task.float), formatPercent(task.quantized), points]);
    if (task.topFive) rows.push(['top-5', ...accuracyCells(task.topFive)]);
  }
  for (const metric of metrics) {
    const [before, after] = [metric.float, metric.quantized].map((value) => value?.toPrecision(5) ?? '–');
    rows.push([shorten(metric.name), before ?? '–', after ?? '–', '']);
  }
  return [...alignColumns(rows, [1, 2]), ...(task ? [intervalOf(task)] : [])];
}

const accuracyCells = ({ float, quantized }: { float: number; quantized: number }): string[] => [
  formatPercent(float),
  formatPercent(quantized),
  `${formatSigned(100 * (quantized - float), 2)} points`,
];

/** The interval of the change, which is the drop's turned around, and what it says. */
function intervalOf({ topOneDrop: { low, high, isSignificant } }: NonNullable<Result['task']>): string {
  const [from, to] = [-high, -low].map((share) => formatSigned(100 * share, 2));
  const verdict = isSignificant ? 'told from noise' : 'not told from noise';
  return `  top-1 changes by ${from} to ${to} points (95 % interval): ${verdict}`;
}

/** What the samples of the drift are, in a word or two. */
const kinds: Record<Result['evaluation']['kind'], string> = {
  evaluation: 'evaluation sample',
  calibration: 'calibration sample',
  synthetic: 'random input',
};

function drift({ outputs, evaluation, comparison, task }: Result): string[] {
  // Integer operators run as integers in any session.
  const plain =
    comparison?.quantizedForm === 'qdq' || !comparison ? 'without int kernels' : 'optimizations off';
  const rows = [['drift from float', 'SQNR', 'cosine', 'max error', 'same top-1']];
  for (const { name, deployed, exact } of outputs) {
    const fewer = exact.samples < deployed.samples ? ` (first ${exact.samples})` : '';
    rows.push(
      [`  ${shorten(name)}`, ...driftCells(deployed)],
      [`    ${plain}${fewer}`, ...driftCells(exact)],
    );
  }
  const { samples, kind } = evaluation;
  return [
    ...alignColumns(rows, [1, 2, 3, 4]),
    ...outputs.flatMap((output) => (output.name === task?.output ? [] : errorLines(output))),
    `  on ${count(samples, kinds[kind])}`,
  ];
}

/** What a ranking of classes does not say of an output: how large its errors are, and how it keeps directions. */
function errorLines({ name, deployed, errors, embedding }: OutputDrift): string[] {
  const lines: string[] = [];
  if (errors && deployed.topOneAgreement === null) {
    const [p50, p99, p999] = [errors.p50, errors.p99, errors.p999].map((error) => error.toPrecision(3));
    lines.push(`    error within ${p50} (50 %), ${p99} (99 %), ${p999} (99.9 %)`);
  }
  if (embedding) {
    const { meanCosine, leastCosine, rankCorrelation, rankedSamples } = embedding;
    const order =
      rankCorrelation === null
        ? ''
        : `; order of similarities ${rankCorrelation.toFixed(4)} (${rankedSamples})`;
    lines.push(`    rows: cosine ${meanCosine.toFixed(5)}, least ${leastCosine.toFixed(4)}${order}`);
  }
  return lines.length === 0 ? [] : [`  ${shorten(name)}:`, ...lines];
}

function driftCells({ sqnrDb, cosine, maxAbsError, topOneAgreement }: Drift): string[] {
  return [
    formatDb(sqnrDb),
    cosine?.toFixed(5) ?? '–',
    maxAbsError.toPrecision(3),
    topOneAgreement === null ? '–' : formatPercent(topOneAgreement),
  ];
}

/** Layers named in the report. */
const WORST = 3;

function worstLayers({ layers, plan, command }: Result): string[] {
  const worst = layers
    .filter(({ drift: { sqnrDb } }) => sqnrDb !== null)
    .sort((a, b) => (a.drift.sqnrDb ?? 0) - (b.drift.sqnrDb ?? 0))
    .slice(0, WORST);
  const quantizedOf = (id: string) => plan.layers.find((layer) => layer.id === id)?.quantized;
  const rows = [['worst layers', 'SQNR', 'weights', 'input']];
  for (const { id, drift: measured } of worst) {
    const { bits, inputBits } = quantizedOf(id) ?? { bits: null, inputBits: null };
    const [weights, input] = [bits, inputBits].map((width) => (width === null ? 'float' : `${width} bits`));
    rows.push([`  ${shorten(id)}`, formatDb(measured.sqnrDb), weights ?? '', input ?? '']);
  }
  const [first] = worst;
  if (!first) return [];
  // The flags are those of the run that makes the model.
  if (command === 'compare') return alignColumns(rows, [1]);
  const pattern = shortPattern(first.id, plan.layers);
  const isNarrow = (quantizedOf(first.id)?.bits ?? 8) < 8;
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const flag = isNarrow ? `--rule ${quoted(`${pattern}:bits=8`)}` : `--exclude ${quoted(pattern)}`;
  return [...alignColumns(rows, [1]), `  to mend the first: ${escapeControls(flag)}`];
}

/** A pattern that names one layer alone: its id, or the shortest beginning of a long one that is no other's. */
function shortPattern(id: string, layers: Result['plan']['layers']): string {
  if (id.length <= NAME_WIDTH) return id;
  for (let length = 1; length < id.length; length++) {
    const pattern = `${id.slice(0, length)}*`;
    const named = layers.filter((layer) => matches(pattern, { id: layer.id, name: layer.name ?? undefined }));
    if (named.length === 1) return pattern;
  }
  return id;
}

/** Longest name in a table: the table then fits 80 columns. */
const NAME_WIDTH = 40;

/** A name for a table cell: harmless, and cut in the middle where it is long. */
function shorten(name: string): string {
  const safe = escapeControls(name);
  if (safe.length <= NAME_WIDTH) return safe;
  const half = Math.floor((NAME_WIDTH - 1) / 2);
  return `${safe.slice(0, half)}…${safe.slice(-half)}`;
}

const count = (n: number, noun: string): string =>
  `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`;

function notes(result: Result): string[] {
  const { warnings } = result;
  const lines = result.comparison ? comparisonNotes(result, result.comparison) : runNotes(result);
  return [...lines, ...warnings.map((warning) => `${chalk.yellow('warning:')} ${escapeControls(warning)}`)];
}

/** What the two models are, and how their layers were brought together. */
function comparisonNotes({ layers, runtime }: Result, comparison: ComparisonRecord): string[] {
  const by = (['plan', 'name', 'order'] as const)
    .map((matching) => [layers.filter(({ matchedBy }) => matchedBy === matching).length, matching] as const)
    .filter(([matched]) => matched > 0)
    .map(([matched, matching]) => `${matched} by ${matchings[matching]}`);
  const missing = comparison.layers - layers.length;
  const rest = missing > 0 && by.length > 0 ? [`${missing} not found`] : [];
  const found = by.length === 0 ? 'none was found' : [...by, ...rest].join(', ');
  return [
    `${forms[comparison.quantizedForm]} against ${forms[comparison.floatForm]}; ${count(comparison.layers, 'layer')}: ${found}`,
    `measured on onnxruntime ${runtime.version}`,
    ...comparison.notes.map(escapeControls),
  ];
}

const matchings: Record<Result['layers'][number]['matchedBy'], string> = {
  plan: 'the plan of this tool',
  name: 'name',
  order: 'order',
};

const forms: Record<ComparisonRecord['quantizedForm'], string> = {
  qdq: 'QDQ',
  'integer-operators': 'integer operators',
  float16: 'float16',
  bfloat16: 'bfloat16',
  float32: 'float32',
};

function runNotes({ plan, quantized, calibration, recipe, runtime }: Result): string[] {
  const made = plan.layers.filter((layer) => layer.quantized).length;
  const kept = plan.layers.length - made + plan.float.length;
  const rest =
    kept === 0 ? 'nothing stays float' : `${count(kept, 'operator')} in float: \`quantize inspect\` says why`;
  return [
    `${made} of ${count(plan.layers.length, 'layer')} quantized, ${rest}`,
    calibration
      ? `calibrated on ${count(calibration.samples, 'sample')} of ${escapeControls(calibration.label)}`
      : recipe?.dynamic
        ? 'activation ranges are found at every run'
        : 'no calibration samples: weights only',
    `runs on onnxruntime ${quantized.oldestRuntime} and later (measured on ${runtime.version})`,
  ];
}
