import chalk from 'chalk';
import { escapeControls } from './escape.js';
import { alignColumns, formatBytes, formatDb, formatMs, formatPercent, formatSigned } from './format.js';
import type { Reporter } from './reporter.js';
import type { Result } from './result.js';

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

function beforeAndAfter({ float, quantized, task, timing }: Result): string[] {
  const { speed } = timing;
  const rows = [
    ['', 'float', 'quantized', ''],
    [
      'file',
      formatBytes(float.sizeBytes),
      formatBytes(quantized.sizeBytes),
      `${(quantized.sizeBytes / float.sizeBytes).toFixed(3)}×`,
    ],
    ['one run', formatMs(speed.floatMs), formatMs(speed.quantizedMs), `${speed.ratio.toFixed(2)}× as fast`],
  ];
  if (task) {
    const points = `${formatSigned(100 * (task.quantized - task.float), 2)} points`;
    rows.push(['top-1', formatPercent(task.float), formatPercent(task.quantized), points]);
  }
  return alignColumns(rows, [1, 2]);
}

/** What the samples of the drift are, in a phrase. */
const kinds: Record<Result['evaluation']['kind'], string> = {
  evaluation: 'evaluation samples',
  calibration: 'calibration samples',
  synthetic: 'random inputs',
};

function drift({ outputs, evaluation }: Result): string[] {
  const title = `drift from float, on ${evaluation.samples} ${kinds[evaluation.kind]}`;
  const rows = [[title, 'SQNR', 'cosine', 'max error', 'same top-1', 'without integer kernels']];
  for (const { name, deployed, exact } of outputs) {
    rows.push([
      `  ${escapeControls(name)}`,
      formatDb(deployed.sqnrDb),
      deployed.cosine?.toFixed(5) ?? '–',
      deployed.maxAbsError.toPrecision(3),
      deployed.topOneAgreement === null ? '–' : formatPercent(deployed.topOneAgreement),
      formatDb(exact.sqnrDb),
    ]);
  }
  return alignColumns(rows, [1, 2, 3, 4, 5]);
}

/** Layers named in the report. */
const WORST = 3;

function worstLayers({ layers, plan }: Result): string[] {
  const bitsOf = (id: string) => plan.layers.find((layer) => layer.id === id)?.quantized;
  const worst = layers
    .filter(({ drift: { sqnrDb } }) => sqnrDb !== null)
    .sort((a, b) => (a.drift.sqnrDb ?? 0) - (b.drift.sqnrDb ?? 0))
    .slice(0, WORST);
  const rows = [['worst layers', 'SQNR', 'weights', 'input', 'to mend']];
  for (const { id, drift: measured } of worst) {
    const quantized = bitsOf(id);
    const mend = quantized && quantized.bits < 8 ? `--rule '${id}:bits=8'` : `--exclude '${id}'`;
    const input = quantized?.inputBits ? `${quantized.inputBits} bits` : 'float';
    rows.push(
      [`  ${id}`, formatDb(measured.sqnrDb), `${quantized?.bits} bits`, input, mend].map(escapeControls),
    );
  }
  return alignColumns(rows, [1]);
}

function notes({ plan, quantized, calibration, runtime, warnings }: Result): string[] {
  const made = plan.layers.filter((layer) => layer.quantized).length;
  const kept = plan.layers.length - made + plan.float.length;
  const lines = [
    `${made} of ${plan.layers.length} layers quantized, ${kept} operators in float; \`quantize inspect\` has the reasons`,
    calibration
      ? `calibrated on ${calibration.samples} samples of ${escapeControls(calibration.label)}`
      : 'no calibration samples: weights only',
    `runs on onnxruntime ${quantized.oldestRuntime} and later (measured on ${runtime.version})`,
  ];
  return [...lines, ...warnings.map((warning) => `${chalk.yellow('warning:')} ${escapeControls(warning)}`)];
}
