import type { MeasuredIntegers, SideBySide } from '../evaluate/measure-integers.js';
import type { IntegerOperator, IntegerProgram, IntegerValue, OtherOperator } from '../integer/program.js';
import { chalk } from './colours.js';
import { escapeControls } from './escape.js';
import { shortenName } from './facts.js';
import { alignColumns, formatDb, formatPercent } from './format.js';

/** What is told of an operator in integers. */
export interface IntegerOperatorSummary {
  readonly id: string;
  readonly operator: string;
  readonly inputs: readonly IntegerValue[];
  readonly outputs: readonly IntegerValue[];
  /** M0 as int32 and the shift n of M = M0/2^31·2^shift: one a channel, or of each operand and the result. */
  readonly multipliers: readonly number[];
  readonly shifts: readonly number[];
  /** Below 2^31; null where nothing is summed up. */
  readonly accumulatorBound: number | null;
}

/** A quantized model as a network in integers alone. */
export interface IntegersFound {
  /** The file's name. */
  readonly model: string;
  /** Whether no float stands between its first code and its last. */
  readonly isIntegerOnly: boolean;
  /** Whether it shifts alone, and multiplies by no M0. */
  readonly isShiftOnly: boolean;
  readonly inputs: readonly IntegerValue[];
  readonly outputs: readonly IntegerValue[];
  readonly operators: readonly IntegerOperatorSummary[];
  readonly others: readonly OtherOperator[];
  /** Null where no samples were given. */
  readonly measured: MeasuredIntegers | null;
}

/** What a network holds, less its arrays. */
export function describeIntegers(
  model: string,
  { isShiftOnly, inputs, outputs, operators, others }: IntegerProgram,
  measured: MeasuredIntegers | null,
): IntegersFound {
  const isIntegerOnly = operators.length > 0 && others.every(({ place }) => place !== 'between');
  return {
    model,
    isIntegerOnly,
    isShiftOnly,
    inputs,
    outputs,
    operators: operators.map(summaryOf),
    others,
    measured,
  };
}

function summaryOf({ id, operator, inputs, outputs, parameters }: IntegerOperator): IntegerOperatorSummary {
  const numbers = (...keys: string[]): number[] =>
    keys.flatMap((key) => {
      const value = parameters[key];
      if (typeof value === 'number') return [value];
      return value === undefined || value === null || typeof value === 'string' ? [] : Array.from(value);
    });
  const bound = parameters.accumulatorBound;
  return {
    ...{ id, operator, inputs, outputs },
    multipliers: numbers('multipliers', 'multiplier', 'outputMultiplier'),
    shifts: numbers('shifts', 'shift', 'outputShift'),
    accumulatorBound: typeof bound === 'number' ? bound : null,
  };
}

/** The network for a terminal. */
export function renderIntegers(found: IntegersFound): string {
  const { model, isIntegerOnly, isShiftOnly, operators, others, measured } = found;
  const between = others.filter(({ place }) => place === 'between');
  const verdict = isIntegerOnly
    ? `runs in integers alone between its first code and its last${isShiftOnly ? ', by shifts without multipliers' : ''}`
    : `does not run in integers alone: ${between.length || 'all'} of its operators stand between`;
  const blocks = [
    [
      `${chalk.bold(escapeControls(model))}  ${verdict}`,
      ...found.inputs.map(endOf('input')),
      ...found.outputs.map(endOf('output')),
    ],
    operators.length === 0 ? [] : operatorTable(operators),
    others.length === 0 ? [] : otherTable(others),
    measured ? measuredTable(measured) : [],
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

const endOf = (what: string) => (value: IntegerValue) =>
  `${what.padEnd(6)}  ${escapeControls(shortenName(value.name))}  ${value.type}${gridOf(value)}`;

const gridOf = ({ scale, zeroPoint, type }: IntegerValue): string =>
  typeof scale === 'number' && type === 'int8'
    ? `, scale ${scale.toPrecision(6)}, zero point ${zeroPoint}`
    : ', a scale a channel';

function operatorTable(operators: readonly IntegerOperatorSummary[]): string[] {
  const rows = operators.map(({ id, operator, multipliers, shifts, accumulatorBound, outputs }) => [
    shortenName(id),
    operator,
    rangeOf(multipliers, 'multiplier'),
    rangeOf(shifts.map((shift) => -shift)),
    accumulatorBound === null ? '' : `2^${Math.log2(Math.max(1, accumulatorBound)).toFixed(1)}`,
    outputs.map(({ zeroPoint, type }) => (type === 'int32' ? 'int32' : String(zeroPoint))).join(', '),
  ]);
  const head = ['operator', 'kind', 'M0', 'n', 'sums below', 'zero point'];
  return alignColumns([head, ...rows.map((row) => row.map(escapeControls))], [4, 5]);
}

/** One number, or the least and the greatest. */
function rangeOf(values: readonly number[], kind?: 'multiplier'): string {
  if (values.length === 0) return '';
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const text = (value: number) =>
    kind && value === 1 ? '1' : kind ? `0x${value.toString(16).padStart(8, '0')}` : String(value);
  return least === most ? text(least) : `${text(least)} … ${text(most)}`;
}

function otherTable(others: readonly OtherOperator[]): string[] {
  const rows = others.map(({ id, operator, place, reason }) => [shortenName(id), operator, place, reason]);
  return alignColumns([
    ['not in integers', 'operator', 'place', 'because'],
    ...rows.map((row) => row.map(escapeControls)),
  ]);
}

function measuredTable({ operators, samples, samplesAlone, quantized, float }: MeasuredIntegers): string[] {
  const share = (differences: readonly { different: number; elements: number }[]) => {
    const sum = (key: 'different' | 'elements') => differences.reduce((all, each) => all + each[key], 0);
    return `${((100 * sum('different')) / Math.max(1, sum('elements'))).toFixed(3)} %`;
  };
  const most = (kind: 'alone' | 'network') => Math.max(0, ...operators.map((each) => each[kind].most));
  const lines = [
    `codes that differ from onnxruntime's: ${share(operators.map(({ alone }) => alone))} by an operator alone, at most by ${most('alone')} (${samplesAlone} samples)`,
    `  in the network, where they add up: ${share(operators.map(({ network }) => network))}, at most by ${most('network')} (${samples} samples)`,
  ];
  const byKind = new Map<string, (typeof operators)[number][]>();
  for (const each of operators) byKind.set(each.operator, [...(byKind.get(each.operator) ?? []), each]);
  const rows = [...byKind].map(([kind, each]) => [
    `  ${kind}`,
    String(each.length),
    share(each.map(({ alone }) => alone)),
    share(each.map(({ network }) => network)),
  ]);
  const table = alignColumns([['kind', 'operators', 'differ alone', 'in the network'], ...rows], [1, 2, 3]);
  return [...lines, '', ...table, '', ...accuracyTable(quantized, float)];
}

function accuracyTable(quantized: SideBySide, float: MeasuredIntegers['float']): string[] {
  const percent = (share: number | undefined) => (share === undefined ? '' : formatPercent(share));
  const decibels = (value: number | null | undefined) =>
    typeof value === 'number' ? formatDb(value) : 'the same';
  const rows = quantized.outputs.map(({ name, drift }) => [
    escapeControls(shortenName(name)),
    decibels(drift.sqnrDb),
    ...(float
      ? [float.quantized, float.integers].map(({ outputs }) =>
          decibels(outputs.find((output) => output.name === name)?.drift.sqnrDb),
        )
      : []),
  ]);
  const head = [
    'output',
    'integers to onnxruntime',
    ...(float ? ['float to onnxruntime', 'float to integers'] : []),
  ];
  const table = alignColumns([head, ...rows], [1, 2, 3]);
  const task = quantized.task;
  if (!task) return table;
  const accuracy = float?.quantized.task ? `float ${percent(float.quantized.task.float)}, ` : '';
  return [
    ...table,
    '',
    `top-1: ${accuracy}onnxruntime ${percent(task.float)}, integers alone ${percent(task.quantized)} (${task.samples} samples)`,
  ];
}
