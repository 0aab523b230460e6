import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { sampleFiles } from '../calibrate/samples.js';
import { checkOutput } from '../emit/write-file.js';
import { QuantizeError } from '../errors.js';
import { isTask } from '../evaluate/tasks/tasks.js';
import { fingerprintOf } from '../files/open.js';
import type { DataOptions, SearchOptions, TrainingOptions } from '../options.js';

/** Whatever names files that a run reads. */
interface Reading
  extends Pick<DataOptions, 'data' | 'evalData' | 'evalSets' | 'labels' | 'classNames'>,
    TrainingOptions {
  readonly model?: string | undefined;
  readonly stats?: string | undefined;
  readonly plan?: string | undefined;
  readonly learned?: string | undefined;
  readonly baseline?: string | undefined;
  readonly metric?: string | undefined;
  readonly auto?: SearchOptions | undefined;
  readonly sources?: readonly string[] | undefined;
}

/** The files and folders that a run reads, as far as its options name them. */
export function filesRead(options: Reading): string[] {
  const { model, stats, plan, learned, baseline, metric, classNames, auto, sources = [] } = options;
  const module = metric !== undefined && isTask(metric) ? undefined : metric;
  const single = [model, stats, plan, learned, baseline, module, classNames, auto?.sensitivity].filter(
    (path) => path !== undefined,
  );
  return [...single, ...sources, ...sampleFiles(options)];
}

/** Files that a folder of samples is read from. */
const SAMPLE = /\.(pb|jpe?g|png|webp)$/i;

/**
 * Refuse to write over what is read, under whatever name.
 *
 * @throws QuantizeError `output-is-input`, or `file-unwritable` where an output could not be written at all
 */
export async function checkOutputs(outputs: readonly string[], inputs: readonly string[]): Promise<void> {
  for (const output of outputs)
    for (const input of inputs) {
      await checkOutput(input, output);
      if (SAMPLE.test(output) && (await isInFolder(output, input)))
        throw new QuantizeError('output-is-input', { path: output });
    }
}

/** So many models of a folder are named in a sentence. */
const MOST_NAMED = 4;

/**
 * Refuse a model that is not there, before anything is said of outputs.
 *
 * @throws QuantizeError `file-missing`, `model-folder`, or `file-odd`
 */
export async function checkModel(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) {
    const models = (await readdir(path)).filter((name) => /\.onnx$/i.test(name)).sort();
    const named = models.slice(0, MOST_NAMED).map((name) => join(path, name));
    const others = models.length - named.length;
    const mend =
      named.length === 0
        ? 'There is no .onnx file in it.'
        : `Give the model in it: ${named.join(' or ')}${others > 0 ? `, or one of ${others} others` : ''}.`;
    throw new QuantizeError('model-folder', { path, mend });
  }
  await fingerprintOf(path);
}

/** Whether a file that is there lies in a folder that is there. */
async function isInFolder(file: string, folder: string): Promise<boolean> {
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return false;
  const path = await realpath(file).catch(() => '');
  return path.startsWith((await realpath(folder)) + sep);
}
