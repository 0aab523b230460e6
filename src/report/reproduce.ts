import { basename, isAbsolute } from 'node:path';
import { preprocessOf } from '../../calibration/given-preprocess.js';
import type { CompareOptions, DataOptions, GateOptions, Paths, QuantizeOptions } from '../options.js';
import { recipeFlags } from '../recipe/flags.js';
import type { Recipe } from '../recipe.js';

/**
 * The command that makes a result again. Flags that say the default are left out; what a search chose is said by the recipe,
 * so that nothing is searched for again.
 *
 * @param recipe - as it was resolved
 * @param nameOf - what stands for a path: as it was given, so that the command runs from the same folder; of an absolute one
 *   its last part, so that a result does not tell where the files stood
 */
export function quantizeCommandLine(
  options: Omit<QuantizeOptions, 'recipe'>,
  recipe: Recipe,
  nameOf: (path: string) => string = asGiven,
): string {
  const { model, output, data, stats, plan, evalData, labels, metric, inputRange, samples, seed, provider } =
    options;
  const words = [
    ...['quantize', nameOf(model)],
    ...pathFlags('--data', data, nameOf),
    ...flag('--stats', stats && nameOf(stats)),
    ...sampleFlags(options, nameOf),
    ...flag('--samples', samples),
    ...flag('--seed', seed),
    ...flag('--input-range', inputRange && [inputRange.low[0], inputRange.high[0]].join(',')),
    ...pathFlags('--eval-data', evalData, nameOf),
    ...flag('--labels', labels && nameOf(labels)),
    ...setFlags(options.evalSets, nameOf),
    ...flag('--class-names', options.classNames && nameOf(options.classNames)),
    ...pathFlags('--train-data', options.trainData, nameOf),
    ...flag('--train-labels', options.trainLabels && nameOf(options.trainLabels)),
    ...flag('--metric', metric && nameOf(metric)),
    ...(plan === undefined
      ? recipeFlags(recipe, data !== undefined || stats !== undefined)
      : ['--plan', nameOf(plan)]),
    ...(options.origins ? ['--origins'] : []),
    ...(options.suggest ? ['--suggest'] : options.suggest === false ? ['--no-suggest'] : []),
    ...gateFlags(options, nameOf),
    ...flag('--provider', provider),
    ...flag('-o', output && nameOf(output)),
  ];
  return words.map(quoted).join(' ');
}

const asGiven = (path: string): string => (isAbsolute(path) ? basename(path) : path);

/** The command that compares two models again. */
export function compareCommandLine(options: CompareOptions): string {
  const { float, quantized, data, labels, metric, samples, seed, provider } = options;
  const words = [
    ...['quantize', 'compare', asGiven(float), asGiven(quantized)],
    ...pathFlags('--data', data, asGiven),
    ...sampleFlags(options, asGiven),
    ...flag('--samples', samples),
    ...flag('--seed', seed),
    ...flag('--labels', labels && asGiven(labels)),
    ...setFlags(options.evalSets, asGiven),
    ...flag('--class-names', options.classNames && asGiven(options.classNames)),
    ...flag('--metric', metric && asGiven(metric)),
    ...gateFlags(options, asGiven),
    ...flag('--provider', provider),
  ];
  return words.map(quoted).join(' ');
}

/** A word as a POSIX shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

type Value = string | number | undefined;

const flag = (name: string, value: Value): string[] => (value === undefined ? [] : [name, String(value)]);

function pathFlags(name: string, paths: Paths | undefined, nameOf: (path: string) => string): string[] {
  const all = paths === undefined ? [] : [paths].flat();
  return all.flatMap((path) => [name, withPath(path, nameOf)]);
}

function setFlags(sets: DataOptions['evalSets'] = {}, nameOf: (path: string) => string): string[] {
  return Object.entries(sets).flatMap(([name, { data, labels }]) =>
    [data].flat().flatMap((path, i) => {
      const named = withPath(path, nameOf);
      const own = i === 0 && labels !== undefined ? nameOf(labels) : '';
      // Behind the last comma stand labels, be they none.
      return ['--eval-set', `${name}=${named}${own !== '' || named.includes(',') ? `,${own}` : ''}`];
    }),
  );
}

/** The parts of `path` or `input=path`. */
export function splitPath(given: string): { input: string | undefined; path: string } {
  const [, input, path = given] = /^([^=/\\]+)=(.*)$/.exec(given) ?? [];
  return { input, path };
}

/** `path` or `input=path` with another path. */
export function withPath(given: string, nameOf: (path: string) => string): string {
  const { input, path } = splitPath(given);
  return input === undefined ? nameOf(path) : `${input}=${nameOf(path)}`;
}

function gateFlags({ gates = [], baseline }: GateOptions, nameOf: (path: string) => string): string[] {
  const words = gates.flatMap((spec) => {
    const { gate, level = 'error' } = typeof spec === 'string' ? { gate: spec } : spec;
    return [level === 'error' ? '--gate' : '--warn', gate];
  });
  return [...words, ...flag('--baseline', baseline && nameOf(baseline))];
}

function sampleFlags(
  { preprocess, pictures, raw, tokenizer, shapes = {}, set = {}, classesAxis = {} }: DataOptions,
  nameOf: (path: string) => string,
): string[] {
  const { size, fit, channelOrder } = pictures ?? {};
  return [
    ...preprocessFlags(preprocess),
    ...flag('--size', size && `${size.height}x${size.width}`),
    ...flag('--resize', fit),
    ...flag('--channel-order', channelOrder),
    ...flag('--tokenizer', tokenizer && nameOf(tokenizer)),
    ...flag('--bin-dtype', raw?.type),
    ...flag('--bin-shape', raw?.shape?.join('x')),
    ...Object.entries(classesAxis).flatMap(([name, axis]) => [
      '--classes-axis',
      name ? `${name}=${axis}` : String(axis),
    ]),
    ...Object.entries(shapes).flatMap(([name, shape]) => ['--shape', `${name}=${shape.join('x')}`]),
    ...Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
  ];
}

function preprocessFlags(given: DataOptions['preprocess']): string[] {
  const preprocess = preprocessOf(given);
  if (!preprocess) return [];
  const { label, scale, mean, std, layout } = preprocess;
  // What came from the command line is labelled by its flags.
  if (label.startsWith('--')) return label.split(' ');
  return [
    ...flag('--scale', scale),
    ...flag('--mean', mean.join(',')),
    ...flag('--std', std.join(',')),
    ...flag('--layout', layout),
  ];
}
