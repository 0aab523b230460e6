import { calibrationErrors } from './errors/calibration.js';
import { commandErrors } from './errors/command.js';
import { dataErrors } from './errors/data.js';
import type { Message, Placeholders } from './errors/message.js';
import { modelErrors } from './errors/model.js';
import { ownErrors } from './errors/own.js';
import { systemErrors } from './errors/system.js';

/** Exit codes of the command, as its help states them. */
export const exitCodes = {
  ok: 0,
  gateFailed: 1,
  usage: 2,
  environment: 3,
  bug: 70,
  interrupted: 130,
} as const;

/** Every message a user can see; each kind stands in a file of `errors/`. */
const messages = {
  ...commandErrors,
  ...systemErrors,
  ...modelErrors,
  ...dataErrors,
  ...calibrationErrors,
  ...ownErrors,
};

export type ErrorCode = keyof typeof messages;

/** What messages fill their placeholders with. */
export type Facts = Readonly<Record<string, string | number>>;

/** What the message of a code needs: a fact for each of its placeholders. */
export type FactsOf<Code extends ErrorCode> =
  (typeof messages)[Code] extends Message<infer Text>
    ? Readonly<Record<Placeholders<Text>, string | number>>
    : never;

/** A code with its facts, which the compiler asks for. */
type Arguments = {
  [Code in ErrorCode]: [code: Code, facts: FactsOf<Code>, options?: ErrorOptions];
}[ErrorCode];

const fill = (template: string, facts: Facts): string =>
  template.replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? `{${name}}`));

/**
 * An error that a user can act on: a sentence with the file, tensor or flag in it, and what to do.
 * A plain `Error` is only ever a bug of ours.
 */
export class QuantizeError extends Error {
  readonly code: ErrorCode;
  readonly facts: Facts;
  readonly hint: string;
  readonly exitCode: number;

  constructor(...[code, facts, options]: Arguments) {
    super(fill(messages[code].text, facts), options);
    this.name = 'QuantizeError';
    this.code = code;
    this.facts = facts;
    this.hint = fill(messages[code].hint, facts);
    this.exitCode = messages[code].exit;
  }
}

/** Whether a call of the system failed: a disk, a permission, a path. */
export function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'syscall' in thrown && 'code' in thrown;
}

/** The message of anything that was thrown, on one line. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/\s+/g, ' ').trim().replace(/\.$/, '');
}
