import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { exitCodes, QuantizeError } from '../errors.js';
import type { DataOptions, MachineOptions, RunHooks } from '../options.js';
import type { Result } from '../report/result.js';
import { quantize } from '../run/quantize.js';
import { nearestName } from '../validate/nearest-name.js';
import { type Dtype, dtypes, SUFFIXES } from './dtypes.js';

/** What a folder of transformers.js is filled from. */
export interface FillOptions
  extends Omit<DataOptions, 'labels' | 'classNames'>,
    Pick<MachineOptions, 'threads'>,
    RunHooks {
  /** A repository as Hugging Face has it, its models in a folder `onnx`; its tokenizer reads text, unless another is named. */
  readonly folder: string;
  /** Names of the files to make; all that can be made without it. */
  readonly dtypes?: readonly string[] | undefined;
  /** Write over files that are there. */
  readonly force?: boolean | undefined;
}

/** What came of one file. */
export interface FilledFile {
  readonly path: string;
  readonly dtype: string;
  readonly result: Result;
}

/** A file that could not be made, and why. */
export interface LeftFile {
  readonly path: string;
  readonly dtype: string;
  readonly left: string;
}

export type Outcome = FilledFile | LeftFile;

const MODELS = 'onnx';

/**
 * Make the files that transformers.js looks for beside each float model of a folder, each compared with float.
 *
 * A model that cannot be quantized so is left, with the reason: the others are made.
 *
 * @throws QuantizeError `bad-option`, `no-float-models`, or `made-before`, before anything is made
 */
export async function fillFolder(options: FillOptions): Promise<Outcome[]> {
  const { folder, dtypes: names, force, tokenizer = folder, ...shared } = options;
  const wanted = names ? names.map(dtypeOf) : dtypes;
  const models = await floatModels(folder);
  const files = models.flatMap((model) =>
    wanted.map((dtype) => ({ model, dtype, path: pathOf(model, dtype) })),
  );
  for (const { path } of files)
    if (!force && existsSync(path)) throw new QuantizeError('made-before', { path });
  const outcomes: Outcome[] = [];
  for (const { model, dtype, path } of files) {
    try {
      const result = await quantize({
        ...shared,
        ...{ tokenizer, model, output: path, recipe: dtype.recipe, suggest: false },
      });
      outcomes.push({ path, dtype: dtype.name, result });
    } catch (thrown) {
      // A disk that is full, or Ctrl-C, is the same for all of them.
      if (!(thrown instanceof QuantizeError) || thrown.exitCode !== exitCodes.usage) throw thrown;
      outcomes.push({ path, dtype: dtype.name, left: `${thrown.message} ${thrown.hint}`.trim() });
    }
  }
  return outcomes;
}

function dtypeOf(name: string): Dtype {
  const found = dtypes.find((dtype) => dtype.name === name);
  if (found) return found;
  const nearest = nearestName(
    name,
    dtypes.map((dtype) => dtype.name),
  );
  throw new QuantizeError('bad-option', {
    flag: '--dtype',
    problem: `cannot be "${name}"`,
    mend: `${nearest ? `Did you mean ${nearest}? ` : ''}It can be ${dtypes.map((dtype) => dtype.name).join(', ')}.`,
  });
}

const pathOf = (model: string, { suffix }: Dtype): string =>
  join(dirname(model), `${basename(model, '.onnx')}${suffix}.onnx`);

/** The models of a folder that were not made from others, by name. */
async function floatModels(folder: string): Promise<string[]> {
  const within = join(folder, MODELS);
  const names = await readdir(within).catch(() => []);
  const models = names
    .filter((name) => name.endsWith('.onnx'))
    .filter((name) => !SUFFIXES.some((suffix) => name.endsWith(`${suffix}.onnx`)))
    .sort();
  if (models.length === 0) throw new QuantizeError('no-float-models', { path: within });
  return models.map((name) => join(within, name));
}
