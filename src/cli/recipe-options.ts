import { type Command, Option } from 'commander';
import { recipeOfFlags } from '../recipe/flags.js';
import { allSettings } from '../recipe/schema.js';
import { type Flag, parseSetting, type Setting } from '../recipe/setting.js';
import { defaultRecipe, dynamicFlag, type Recipe } from '../recipe.js';
import { registries } from '../registries.js';

/** The recipe's flags, as commander gives them: under its names for them. */
export interface RecipeFlags {
  readonly scheme?: string;
  readonly [name: string]: unknown;
}

/** The entries of a registry, for a help text. */
export const listOf = (registry: readonly { name: string; summary: string }[]): string =>
  registry.map(({ name, summary }) => `${name} (${summary})`).join(', ');

/** Gathers the values of a flag that may be given several times. */
export const collect = <T>(value: T, list: T[] | undefined): T[] => [...(list ?? []), value];

/**
 * Add the flags that make a recipe, from the table of settings.
 *
 * @param without - names of flags that the command has in a form of its own
 */
export function addRecipeOptions(command: Command, without: readonly string[] = []): Command {
  return addSettings(command, ({ name }) => !without.includes(name));
}

/** Add the flags of a recipe that say what the folded model is, which statistics belong to. */
export function addFormOptions(command: Command): Command {
  return addSettings(command, ({ group }) => group === 'Channels');
}

function addSettings(command: Command, isWanted: (flag: Flag<unknown>) => boolean): Command {
  const settings = allSettings.map(({ setting }) => setting).filter(({ flag }) => isWanted(flag));
  for (const group of new Set(settings.map(({ flag }) => flag.group))) {
    command.optionsGroup(`${group}:`);
    for (const setting of settings) if (setting.flag.group === group) command.addOption(optionOf(setting));
    if (group === dynamicFlag.group && isWanted(dynamicFlag))
      command.option(dynamicFlag.name, dynamicFlag.help);
  }
  return command;
}

function optionOf(setting: Setting<unknown>): Option {
  const { flag, usual } = setting;
  const option = new Option(flag.value === undefined ? flag.name : `${flag.name} ${flag.value}`, flag.help);
  if (flag.value === undefined) return option;
  if (flag.several)
    return option.argParser((text, list: unknown[] | undefined) => [
      ...(list ?? []),
      ...(parseSetting(setting, text, registries) as unknown[]),
    ]);
  return option.default(usual).argParser((text) => parseSetting(setting, text, registries));
}

/** Add `--recipe`, beside the flags that make one. */
export function addRecipeFileOption(command: Command): Command {
  return command.option('--recipe <file>', 'a recipe that --auto wrote; what other flags say wins');
}

/** The name that commander gives the value of a flag: `--act-bits` → `actBits`. */
const attributeOf = ({ name }: Flag<unknown>): string =>
  name.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * The recipe that the flags say.
 *
 * @param base - what holds where there is no flag
 */
export function recipeOf(options: RecipeFlags, base: Recipe = defaultRecipe): Recipe {
  const values = Object.entries(options).filter(([, value]) => value !== undefined);
  const flags = [...allSettings.map(({ setting }) => setting.flag), dynamicFlag];
  const given = flags.flatMap((flag) =>
    values.filter(([name]) => name === attributeOf(flag)).map(([, value]) => [flag.name, value] as const),
  );
  return recipeOfFlags(new Map(given), base);
}
