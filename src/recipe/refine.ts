import * as z from 'zod';
import type { NamedRefiner, Registries } from './registries.js';

/** What a refiner is told, by the keys of its settings. */
export type RefineSettings = Readonly<Record<string, number>>;

/** A refiner that is to run, and what it is told. */
export interface RefineStep {
  /** A name of the registry. */
  readonly name: string;
  /** Whole, its defaults filled in. */
  readonly settings: RefineSettings;
}

/** What a recipe says of refinement beside a list: what serves its widths best, or nothing. */
export const AUTO = 'auto';
export const NONE = 'none';

/** `auto`, `none`, or refiners in their order: `moments,second-order:levels=2`. */
export const refineSchema = ({ refiners }: Registries): z.ZodType<string> =>
  z
    .string()
    .meta({ pattern: patternOf(refiners) })
    .superRefine((text, context) => {
      const found = text === AUTO ? [] : stepsOf(text, refiners);
      const params = {
        mend: 'Name refiners as moments,second-order:levels=2; `quantize refiners` lists them.',
      };
      if (typeof found === 'string') context.addIssue({ code: 'custom', message: found, params });
    });

/** What a text can look like, for editors; ranges of settings are not in it. */
function patternOf(refiners: readonly NamedRefiner[]): string {
  const each = refiners.map(({ name, settings }) => {
    const keys = settings.map(({ key }) => key).join('|');
    return keys ? `${name}(:(${keys})=[^:,]+)*` : name;
  });
  const one = `(${[...each, '(?!)'].join('|')})`;
  return `^(${AUTO}|${NONE}|${one}(,${one})*)$`;
}

/**
 * The refiners that a text names.
 *
 * @returns what is wrong with the text, where something is: the end of a sentence about it
 */
export function stepsOf(text: string, refiners: readonly NamedRefiner[]): RefineStep[] | string {
  if (text === NONE) return [];
  const steps: RefineStep[] = [];
  for (const part of text.split(',')) {
    const [name = '', ...given] = part.split(':');
    const refiner = refiners.find((entry) => entry.name === name);
    if (!refiner) {
      const known = [AUTO, NONE, ...refiners.map((entry) => entry.name)].join(', ');
      return `does not know "${name}": there are ${known}`;
    }
    const settings = Object.fromEntries(refiner.settings.map(({ key, usual }) => [key, usual]));
    for (const each of given) {
      const [, key = '', number = ''] = /^([^=]*)=(.*)$/.exec(each) ?? [];
      const setting = refiner.settings.find((known) => known.key === key);
      if (!setting) return `has "${each}", but ${toldOf(refiner)}`;
      const value = Number(number);
      if (number.trim() === '' || !(value >= setting.least && value <= setting.most))
        return `has ${key}=${number}, which must be from ${setting.least} to ${setting.most}`;
      settings[key] = value;
    }
    steps.push({ name, settings });
  }
  return steps;
}

function toldOf({ name, settings }: NamedRefiner): string {
  const known = settings.map(({ key }) => `${key}=…`).join(', ');
  return known ? `${name} can only be told ${known}` : `${name} can be told nothing`;
}
