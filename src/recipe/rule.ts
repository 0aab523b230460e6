import * as z from 'zod';
import { QuantizeError } from '../errors.js';
import { type LayerSettings, layerSettings } from './layer-settings.js';
import type { Registries } from './registries.js';
import { parseSetting, type Setting, saySetting } from './setting.js';

/** A per-layer exception: what it names replaces what the recipe says; the last rule that matches wins. */
export interface Rule extends Partial<LayerSettings> {
  /** Matches a layer's id or node name; `*` stands for any characters. */
  readonly pattern: string;
}

const settingOf = layerSettings as Readonly<Record<string, Setting<unknown>>>;
const entries = Object.entries(settingOf);

/** `actBits` → `act-bits`. */
const wordOf = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** What a rule may say. */
export function ruleSchema(registries: Registries): z.ZodType<Rule> {
  const settings = entries.map(([key, { schema }]) => [key, schema(registries).optional()]);
  const pattern = z.string().min(1).describe('A layer id or node name; * stands for any characters.');
  return z
    .strictObject({ pattern, ...Object.fromEntries(settings) })
    .describe(
      'An exception for some layers; of those that match, the last wins, setting by setting.',
    ) as z.ZodType<unknown> as z.ZodType<Rule>;
}

/** `pattern:bits=4,scheme=minmax`; the last colon ends the pattern, since names may hold some. */
export function parseRule(text: string, registries: Registries): Rule {
  const refuse = (problem: string) => {
    const all = entries.map(([key, { usual }]) => `${wordOf(key)}=${usual}`).join(',');
    const mend = `Write 'pattern:bits=4' or 'pattern:${all}'.`;
    return new QuantizeError('bad-option', { flag: '--rule', problem, mend });
  };
  const colon = text.lastIndexOf(':');
  if (colon <= 0 || colon === text.length - 1) throw refuse(`cannot be "${text}"`);
  const settings = text
    .slice(colon + 1)
    .split(',')
    .map((part) => {
      const [word, value, ...rest] = part.split('=').map((piece) => piece.trim());
      if (!word || !value || rest.length > 0) throw refuse(`has "${part}", which is no setting`);
      const [key, setting] = entries.find(([name]) => wordOf(name) === word) ?? [];
      if (!key || !setting) throw refuse(`does not know "${word}"`);
      return [key, parseSetting(setting, value, registries, `--rule "${text}": ${word}`)];
    });
  return { pattern: text.slice(0, colon), ...Object.fromEntries(settings) };
}

/** A rule as the flag has it: `conv2_out:bits=8,scheme=kmeans`. */
export function ruleText(rule: Rule): string {
  const { pattern: _, ...given } = rule;
  const settings = Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${wordOf(key)}=${saySetting(settingOf[key] as Setting<unknown>, value)}`);
  return `${rule.pattern}:${settings.join(',')}`;
}
