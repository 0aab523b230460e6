import { type Command, Option } from 'commander';
import { preprocessOf } from '../../calibration/given-preprocess.js';
import { fits } from '../../calibration/pictures.js';
import { presets } from '../../calibration/preprocess.js';
import { QuantizeError } from '../errors.js';
import { tasks } from '../evaluate/tasks/tasks.js';
import type { DataOptions, EvalSet } from '../options.js';
import { type Provider, providers } from '../runtime/session.js';
import {
  type PictureFlags,
  type PreprocessFlags,
  parseCount,
  parseEvalSet,
  parseInputNumber,
  parseInputShape,
  parsePictures,
  parsePreprocess,
  parseRaw,
  parseShard,
  parseThreads,
  type RawFlags,
} from './parse.js';
import { collect } from './recipe-options.js';

/** The flags that choose samples and make them inputs, as commander gives them. */
export interface SampleFlags extends PreprocessFlags, PictureFlags, RawFlags {
  readonly samples?: number;
  readonly tokenizer?: string;
  readonly shape?: Readonly<Record<string, readonly number[]>>;
  readonly set?: Readonly<Record<string, number>>;
  readonly seed?: number;
}

/** The flags of the machine, as commander gives them. */
export interface MachineFlags extends VoiceFlags {
  readonly threads?: number;
  readonly maxMemory?: number;
  readonly provider?: Provider;
}

/** How much is said on stderr. */
export interface VoiceFlags {
  readonly quiet?: true;
  readonly verbose?: true;
}

/** Add `--data`. */
export function addDataOption(command: Command, without: string): Command {
  const text = `calibration samples, repeatable; \`quantize readers\` lists the formats${without}`;
  command.optionsGroup('Samples:');
  return command.option('--data <[input=]path>', text, collect<string>);
}

/** Add the flags that choose samples and make them inputs. */
export function addSampleOptions(
  command: Command,
  samples = 'calibrate on this many samples, chosen by the seed',
): Command {
  return command
    .option(
      '--preprocess <preset>',
      `how integers and images become floats: ${Object.keys(presets).join(', ')}; \`quantize presets\` says how`,
    )
    .option('--scale <x>', 'multiply samples by this first, as 1/255')
    .option('--mean <x,…>', 'then subtract this, one value or one a channel')
    .option('--std <x,…>', 'then divide by this, one value or one a channel')
    .option('--samples <n>', samples, (text) => parseCount('--samples', text, 1))
    .option('--seed <n>', 'seed of every choice (default: 0)', (text) => parseCount('--seed', text, 0))
    .option('--layout <layout>', 'layout of the samples, nhwc or nchw, where their shape does not tell')
    .option(
      '--shape <input=AxBxC>',
      'shape of an input with its batch, where the model leaves it open or states another; repeatable',
      (text, all: Record<string, readonly number[]> | undefined) => {
        const [name, shape] = parseInputShape(text);
        return { ...all, [name]: shape };
      },
    )
    .addOption(setOption())
    .option('--size <HxW>', 'size of images, where the model leaves it open')
    .option('--resize <fit>', `how images become that size: ${fits.join(', ')} (default: crop)`)
    .option('--channel-order <order>', "colours of images, rgb or bgr (default: the preset's)")
    .option('--tokenizer <folder>', 'the folder of the tokenizer that text files are read by')
    .option('--bin-dtype <type>', "element type of .bin files (default: the model input's)")
    .option('--bin-shape <AxBxC>', "shape of a sample in .bin files (default: the model input's)");
}

/**
 * What the flags say of samples.
 *
 * @param base - what holds where there is no flag
 */
export function sampleOptionsOf(flags: SampleFlags, base: SampleSettings = {}): SampleSettings {
  return {
    samples: flags.samples ?? base.samples,
    seed: flags.seed ?? base.seed,
    preprocess: parsePreprocess(flags, preprocessOf(base.preprocess)),
    pictures: { ...base.pictures, ...defined(parsePictures(flags)) },
    raw: { ...base.raw, ...defined(parseRaw(flags)) },
    tokenizer: flags.tokenizer ?? base.tokenizer,
    shapes: flags.shape ?? base.shapes,
    set: flags.set ?? base.set,
  };
}

type SampleSettings = Pick<
  DataOptions,
  'samples' | 'seed' | 'preprocess' | 'pictures' | 'raw' | 'tokenizer' | 'shapes' | 'set'
>;

/** `--set`, for all commands that read a float model. */
export function setOption(): Option {
  const text =
    'an input that holds one number at every run: a constant, and branches that it chooses are folded; repeatable';
  return new Option('--set <input=number>', text).argParser(
    (given: string, all: Record<string, number> | undefined) => {
      const [name, value] = parseInputNumber(given);
      return { ...all, [name]: value };
    },
  );
}

/** An object without the keys that have no value. */
export const defined = <T extends object>(record: T): Partial<T> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Partial<T>;

/** Add `--labels`. */
export function addLabelsOption(command: Command): Command {
  return command.option(
    '--labels <path>',
    'the class of each sample to measure on: a .npy, a .csv, or the word folders for images in class folders',
  );
}

/** Add `--eval-set`. */
export function addEvalSetOption(command: Command): Command {
  return command.option(
    '--eval-set <name=path[,labels]>',
    'a set of samples to measure on by itself, repeatable: gates hold on the worst, or on one as sqnr@name',
    (text, all: Record<string, EvalSet> | undefined) => {
      const [name, { data, labels }] = parseEvalSet(text);
      const before = all?.[name];
      const paths = before ? [before.data, data].flat() : data;
      return { ...all, [name]: { data: paths, ...defined({ labels: labels ?? before?.labels }) } };
    },
  );
}

/** Add `--class-names`. */
export function addClassNamesOption(command: Command): Command {
  return command.option(
    '--class-names <file>',
    'the names of classes for reports: a text file with one a line, or .json',
  );
}

/** Add `--train-data` and `--train-labels`. */
export function addTrainingOptions(command: Command): Command {
  return command
    .option(
      '--train-data <[input=]path>',
      'labelled samples that --refine finetune learns from, repeatable',
      collect<string>,
    )
    .option('--train-labels <path>', 'the class of each of them, as --labels has it');
}

/** Add `--classes-axis`. */
export function addClassesOption(command: Command): Command {
  return command.option(
    '--classes-axis <[output=]n>',
    'the axis of an output that scores of classes run along, −1 the last; without it where a Softmax or an ArgMax says so',
    (text, all: Record<string, number> | undefined) => ({ ...all, ...parseClassesAxis(text) }),
  );
}

/** `2`, `logits=-1`: the axis of all outputs, or of one. */
function parseClassesAxis(text: string): Record<string, number> {
  const at = text.lastIndexOf('=');
  const axis = text
    .slice(at + 1)
    .trim()
    .replace('−', '-');
  if (!/^-?\d+$/.test(axis)) {
    const mend =
      'Give the number of an axis, 0 that of the batch and -1 the last, as --classes-axis logits=-1.';
    throw new QuantizeError('bad-option', { flag: '--classes-axis', problem: `cannot be "${text}"`, mend });
  }
  return { [text.slice(0, Math.max(at, 0))]: Number(axis) };
}

/** Add `--metric`. */
export function addMetricOption(command: Command): Command {
  return command.option(
    '--metric <task>',
    `what the task asks for: ${tasks.map(({ name }) => name).join(', ')} (\`quantize tasks\`); or a JavaScript module of your own (docs/compare.md)`,
  );
}

/** Add the flags of the machine. */
export function addMachineOptions(command: Command): Command {
  addThreadsOption(command.optionsGroup('Machine:')).option(
    '--max-memory <MiB>',
    'peak memory while calibrating, in more passes where needed (default: half of the machine)',
    (text) => parseCount('--max-memory', text, 1),
  );
  return addVoiceOptions(addProviderOption(command));
}

/** Add `--shard`. */
export function addShardOption(command: Command, what: string): Command {
  return command.option(
    '--shard <i/n>',
    `only part i of n ${what}, or auto: the part that this task of an array is; \`quantize merge\` joins all parts`,
    (text) => parseShard(text),
  );
}

/** Add `--threads`. */
export function addThreadsOption(command: Command): Command {
  return command.option(
    '--threads <n>',
    'threads for quantizing weights and comparing the models (default: all cores; the file does not depend on it)',
    (text) => parseThreads('--threads', text),
  );
}

/** Add `--provider`. */
export function addProviderOption(command: Command): Command {
  return command.addOption(
    new Option('--provider <name>', 'where models run for calibration and evaluation (default: cpu)').choices(
      providers,
    ),
  );
}

/** Add `--quiet`. */
export function addQuietOption(command: Command): Command {
  return command.option('--quiet', 'no progress on stderr, only errors');
}

/** Add `--quiet` and `--verbose`. */
export function addVoiceOptions(command: Command): Command {
  const verbose = new Option('--verbose', 'each step on stderr, with its time and what it did');
  return addQuietOption(command).addOption(verbose.conflicts('quiet'));
}
