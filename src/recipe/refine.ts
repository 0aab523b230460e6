import * as z from 'zod';
import type { NamedRefiner, RefinerSetting, Registries } from './registries.js';

/** What a refiner is told, by the keys of its settings. */
export type RefineSettings = Readonly<Record<string, number | string>>;

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

/** `auto`, `none`, or refiners in their order: `moments,reconstruct:steps=200:weights=lsq`. */
export const refineSchema = ({ refiners }: Registries): z.ZodType<string> =>
  z
    .string()
    .meta({ pattern: patternOf(refiners) })
    .superRefine((text, context) => {
      const found = text === AUTO ? [] : stepsOf(text, refiners);
      const params = {
        mend: 'Name refiners as moments,reconstruct:steps=200; `quantize refiners` lists them.',
      };
      if (typeof found === 'string') context.addIssue({ code: 'custom', message: found, params });
    });

/** What a text can look like, for editors; ranges of settings are not in it. */
function patternOf(refiners: readonly NamedRefiner[]): string {
  const each = refiners.map(({ name, settings }) => {
    const keys = settings.map(({ key }) => key).join('|');
    return keys ? `${name}([:,](${keys})=[^:,]+)*` : name;
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
  for (const [name = '', ...given] of partsOf(text)) {
    const refiner = refiners.find((entry) => entry.name === name);
    if (!refiner) {
      const known = [AUTO, NONE, ...refiners.map((entry) => entry.name)].join(', ');
      return `does not know "${name}": there are ${known}`;
    }
    const settings = Object.fromEntries(refiner.settings.map(({ key, usual }) => [key, usual]));
    for (const each of given) {
      const [, key = '', value = ''] = /^([^=]*)=(.*)$/.exec(each) ?? [];
      const setting = refiner.settings.find((known) => known.key === key);
      if (!setting) return `has "${each}", but ${toldOf(refiner)}`;
      const read = readSetting(setting, value);
      if (read === undefined) return `has ${key}=${value}, which must be ${valuesOf(setting)}`;
      settings[key] = read;
    }
    steps.push({ name, settings });
  }
  return steps;
}

/** For each refiner of a text its name, then what it is told; a comma may stand between what one is told, too. */
function partsOf(text: string): string[][] {
  const parts: string[][] = [];
  for (const part of text.split(',')) {
    const pieces = part.split(':');
    const before = parts.at(-1);
    if (before && pieces[0]?.includes('=')) before.push(...pieces);
    else parts.push(pieces);
  }
  return parts;
}

function readSetting(setting: RefinerSetting, text: string): number | string | undefined {
  if ('choices' in setting) return setting.choices.includes(text) ? text : undefined;
  const value = Number(text);
  return text.trim() !== '' && value >= setting.least && value <= setting.most ? value : undefined;
}

function valuesOf(setting: RefinerSetting): string {
  return 'choices' in setting
    ? `one of ${setting.choices.join(', ')}`
    : `from ${setting.least} to ${setting.most}`;
}

function toldOf({ name, settings }: NamedRefiner): string {
  const known = settings.map(({ key }) => `${key}=…`).join(', ');
  return known ? `${name} can only be told ${known}` : `${name} can be told nothing`;
}
