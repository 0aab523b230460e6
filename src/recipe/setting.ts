import * as z from 'zod';
import { QuantizeError } from '../errors.js';
import { checked } from '../validate/check.js';
import type { Registries } from './registries.js';

/** Headings of the help, in their order. */
export type FlagGroup = 'Weights' | 'Activations' | 'Layers' | 'Channels' | 'Refinement';

/** How a command line says a setting. */
export interface Flag<T> {
  readonly name: `--${string}`;
  /** What stands behind it, as `<n>`; a flag without is a switch. */
  readonly value?: string;
  readonly group: FlagGroup;
  readonly help: string;
  /** What it takes, where that is more than the setting. */
  readonly takes?: (registries: Registries) => z.ZodType;
  /** The value, or one of several, from its text; the schema says whether it may be. The text itself without. */
  readonly parse?: (text: string, registries: Registries) => unknown;
  /** The text of a value, or of one of several; as JavaScript writes it without. */
  readonly say?: (value: never) => string;
  /** What a switch sets; true without. */
  readonly sets?: T;
  /** It may be given several times: those of a command line stand behind what was there, or in its place. */
  readonly several?: 'behind' | 'instead';
}

/** One thing that a recipe says: all that any part of the tool knows of it. */
export interface Setting<T> {
  /** What may be given. */
  readonly schema: (registries: Registries) => z.ZodType<T>;
  /** For the published schema. */
  readonly description: string;
  /** What holds where nothing is said. */
  readonly usual: T;
  readonly flag: Flag<T>;
}

/** Settings, by their keys. */
export type Table<T> = { readonly [K in keyof T]: Setting<T[K]> };

/** One of the names of a registry. */
export const nameIn = (registry: keyof Registries) => (registries: Registries) =>
  z.enum(registries[registry].map(({ name }) => name));

export const yesOrNo = (): z.ZodType<boolean> => z.boolean();

/** A text that stands for a number where it looks like one. */
export function numeric(text: string): unknown {
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) ? text : value;
}

/** A number, or a fraction of two: `1/255`. */
export function fraction(text: string): unknown {
  const [numerator, denominator = 1, ...rest] = text.split('/').map(numeric);
  const isFraction = rest.length === 0 && typeof numerator === 'number' && typeof denominator === 'number';
  return isFraction && Number.isFinite(numerator / denominator) ? numerator / denominator : text;
}

/**
 * What the text behind a flag says.
 *
 * @param flag - for messages, where it is not the setting's own
 * @throws QuantizeError `bad-option` for what cannot be
 */
export function parseSetting<T>(
  setting: Setting<T>,
  text: string,
  registries: Registries,
  flag: string = setting.flag.name,
): T {
  const { parse, several } = setting.flag;
  const value = parse ? parse(text, registries) : text;
  const schema = (setting.flag.takes ?? setting.schema)(registries);
  const found = checked(schema, several ? [value] : value, ({ problem, mend }) => {
    const shown = problem.startsWith('cannot be') ? `cannot be "${text}"` : problem;
    return new QuantizeError('bad-option', { flag, problem: shown, mend });
  });
  return found as T;
}

/** The text of a value of a setting, as its flag has it. */
export const saySetting = <T>({ flag: { say } }: Setting<T>, value: unknown): string =>
  say ? say(value as never) : String(value);
