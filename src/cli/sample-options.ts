import { type Command, Option } from 'commander';
import { readers } from '../../calibration/readers/readers.js';
import { type Provider, providers } from '../runtime/session.js';
import { type PreprocessFlags, parseCount, parseThreads } from './parse.js';
import { collect, listOf } from './recipe-options.js';

/** The flags that choose samples and make them inputs, as commander gives them. */
export interface SampleFlags extends PreprocessFlags {
  readonly samples?: number;
  readonly seed?: number;
}

/** The flags of the machine, as commander gives them. */
export interface MachineFlags {
  readonly threads?: number;
  readonly provider?: Provider;
  readonly quiet?: true;
}

/** Add `--data`. */
export function addDataOption(command: Command, without: string): Command {
  const text = `calibration samples, repeatable: ${listOf(readers)}${without}`;
  return command.option('--data <[input=]path>', text, collect<string>);
}

/** Add the flags that choose samples and make them inputs. */
export function addSampleOptions(command: Command): Command {
  return command
    .option('--samples <n>', 'calibrate on this many samples, chosen by the seed', (text) =>
      parseCount('--samples', text, 1),
    )
    .option('--seed <n>', 'seed of every choice (default: 0)', (text) => parseCount('--seed', text, 0))
    .option('--preprocess <preset>', 'how integer samples become floats: imagenet or none')
    .option('--scale <x>', 'multiply samples by this first, as 1/255')
    .option('--mean <x,…>', 'then subtract this, one value or one a channel')
    .option('--std <x,…>', 'then divide by this, one value or one a channel')
    .option('--layout <layout>', 'layout of the samples, nhwc or nchw, where their shape does not tell');
}

/** Add the flags of the machine. */
export function addMachineOptions(command: Command): Command {
  return addQuietOption(
    command
      .option(
        '--threads <n>',
        'threads for comparing the models (default: all cores; the file does not depend on it)',
        (text) => parseThreads('--threads', text),
      )
      .addOption(
        new Option(
          '--provider <name>',
          'where models run for calibration and evaluation (default: cpu)',
        ).choices(providers),
      ),
  );
}

/** Add `--quiet`. */
export function addQuietOption(command: Command): Command {
  return command.option('--quiet', 'no progress on stderr, only errors');
}
