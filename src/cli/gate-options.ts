import type { Command } from 'commander';
import { exitCodes, QuantizeError } from '../errors.js';
import { hasFailed } from '../gate/check-gates.js';
import { isSameLimit, parseGate } from '../gate/parse-gate.js';
import type { GateOptions, GateSpec } from '../options.js';
import { escapeControls } from '../report/escape.js';
import type { Result } from '../report/result.js';
import { collect } from './recipe-options.js';
import type { CommandProcess } from './streams.js';

/** The flags of gates, as commander gives them; those of one metric are expressions by now. */
export interface GateFlags {
  readonly maxDrop?: string;
  readonly minSqnr?: string;
  readonly minAgreement?: string;
  readonly maxSize?: string;
  readonly minSpeedup?: string;
  readonly gate?: string[];
  readonly warn?: string[];
  readonly baseline?: string;
  readonly history?: string;
}

/** A flag that stands for an expression. */
interface ShortGate {
  readonly flag: string;
  readonly value: string;
  readonly example: string;
  readonly summary: string;
  /** The expression without its limit. */
  readonly expression: string;
}

const shortGates: readonly ShortGate[] = [
  {
    flag: '--max-drop',
    value: '<%>',
    example: '0.5%',
    summary: 'fail where top-1 accuracy drops by more; needs --labels',
    expression: 'top1_drop<=',
  },
  {
    flag: '--min-sqnr',
    value: '<dB>',
    example: '30',
    summary: 'fail where the SQNR of an output is less',
    expression: 'sqnr>=',
  },
  {
    flag: '--min-agreement',
    value: '<%>',
    example: '99%',
    summary: "fail where fewer samples keep the float model's class",
    expression: 'agreement>=',
  },
  {
    flag: '--max-size',
    value: '<size>',
    example: '300KB',
    summary: 'fail where the file is larger',
    expression: 'size<=',
  },
  {
    flag: '--min-speedup',
    value: '<x>',
    example: '1.5',
    summary: 'fail where the model is not so many times as fast',
    expression: 'speedup>=',
  },
];

/** Add the flags that limit what is measured. */
export function addGateOptions(command: Command): Command {
  command.optionsGroup('Gates (a failed one ends in exit code 1; the model is written all the same):');
  for (const { flag, value, example, summary, expression } of shortGates) {
    command.option(`${flag} ${value}`, `${summary}, as ${example}`, (text) =>
      shortGate(flag, text, example, expression),
    );
  }
  return command
    .option(
      '--gate <expression>',
      "any other limit, repeatable, as 'sqnr[logits]>=30dB' or 'size_change<1%': `quantize metrics`",
      (text, list: string[] | undefined) => collect(checked(text), list),
    )
    .option(
      '--warn <expression>',
      'a limit that only warns, repeatable',
      (text, list: string[] | undefined) => collect(checked(text), list),
    )
    .option(
      '--baseline <file>',
      'a result saved with --json: shows what changed, for gates as top1_change>=-0.1%',
    )
    .option(
      '--history <file>',
      'add this run to a file, a JSON line each; reports show the trend over its runs',
    );
}

function shortGate(flag: string, text: string, example: string, expression: string): string {
  try {
    return checked(`${expression}${text.trim()}`);
  } catch (thrown) {
    if (!(thrown instanceof QuantizeError)) throw thrown;
    const facts = {
      flag,
      problem: `cannot be "${text}"`,
      mend: `Give a limit with its unit, as ${flag} ${example}.`,
    };
    throw new QuantizeError('bad-option', facts, { cause: thrown });
  }
}

/** An expression that is well formed, so that a mistake shows before any work is done. */
function checked(text: string): string {
  parseGate(text);
  return text;
}

/**
 * The gates that the flags say, with those of a configuration: a flag replaces the gate there that limits the same
 * metric, and the others stay.
 */
export function gateOptionsOf(flags: GateFlags, base: GateOptions = {}): GateOptions {
  const { maxDrop, minSqnr, minAgreement, maxSize, minSpeedup, gate = [], warn = [] } = flags;
  const short = [maxDrop, minSqnr, minAgreement, maxSize, minSpeedup].filter((text) => text !== undefined);
  const given: GateSpec[] = [
    ...short,
    ...gate,
    ...warn.map((text) => ({ gate: text, level: 'warn' as const })),
  ];
  const replaced = (spec: GateSpec) =>
    given.some((candidate) => isSameLimit(parseGate(candidate), parseGate(spec)));
  const kept = (base.gates ?? []).filter((spec) => !replaced(spec));
  return {
    gates: [...kept, ...given],
    baseline: flags.baseline ?? base.baseline,
    history: flags.history ?? base.history,
  };
}

/** Name the gates that failed on stderr, one a line, and set the exit code. */
export function reportGates(
  process: CommandProcess,
  { command, gates, quantized }: Pick<Result, 'command' | 'gates' | 'quantized'>,
): void {
  for (const { gate, level, shown, reason, passed } of gates) {
    if (passed) continue;
    const word = level === 'error' ? 'gate failed' : 'gate warns';
    process.stderr.write(
      `${word}: ${escapeControls(`${gate}: ${shown}${reason === null ? '' : `, ${reason}`}`)}\n`,
    );
  }
  if (!hasFailed(gates)) return;
  if (command === 'quantize') {
    const name = escapeControls(quantized.name);
    process.stderr.write(`${name} was written all the same; the exit code is ${exitCodes.gateFailed}.\n`);
  }
  process.exitCode = exitCodes.gateFailed;
}
