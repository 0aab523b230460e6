import { preprocessOf } from '../../calibration/given-preprocess.js';
import type { Preprocess } from '../../calibration/preprocess.js';
import { QuantizeError } from '../errors.js';
import type { QuantizeOptions } from '../options.js';
import { schemes } from '../quantize/schemes/schemes.js';
import { blockBitsOf, named, type Recipe, type RefineStep } from '../recipe.js';
import { refiners } from '../refine/refiners.js';
import { formatBytes } from '../report/format.js';
import { limitsOf } from '../search/limits.js';
import { show } from '../validate/check.js';
import { nearestName } from '../validate/nearest-name.js';

/**
 * What a program handed over, which no parser of a command line has seen.
 *
 * @returns the whole preprocessing
 * @throws QuantizeError `bad-value`
 */
export function checkGiven(options: Pick<QuantizeOptions, 'model' | 'preprocess'>): Preprocess | undefined {
  const { model, preprocess } = options as { model: unknown } & Pick<QuantizeOptions, 'preprocess'>;
  if (typeof model !== 'string' || model === '') {
    const nearest = nearestName('model', Object.keys(options));
    const problem = model === undefined ? 'is missing' : `cannot be ${show(model)}`;
    const meant = nearest === undefined || nearest === 'model' ? '' : `Did you mean it by ${nearest}? `;
    const mend = `${meant}Give the path of the float model, a .onnx file.`;
    throw new QuantizeError('bad-value', { where: 'model', problem, mend });
  }
  return preprocessOf(preprocess);
}

/** What the search needs. */
export function checkSearch({ auto, data, evalData, labels, recipe, gates }: QuantizeOptions): void {
  if (!auto) return;
  const refuse = (problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag: '--auto', problem, mend });
  const limits = Object.entries(limitsOf(gates)).filter(([, limit]) => limit !== undefined);
  if (limits.length === 0)
    throw refuse(
      'needs a limit',
      'Give --max-drop 0.5% with --labels, --min-agreement 99%, --min-sqnr 30 or --max-size 300KB.',
    );
  if (data === undefined && evalData === undefined)
    throw refuse('needs samples to measure on', 'Give some with --data.');
  if (limitsOf(gates).maxDrop !== undefined && labels === undefined)
    throw refuse('cannot keep --max-drop without --labels', 'Give labels, or --min-agreement 99% instead.');
  if (auto.scheme !== undefined && !schemes.some(({ name }) => name === auto.scheme))
    throw refuse(`does not know the scheme "${auto.scheme}"`, 'Run `quantize schemes` for their names.');
  const inBlocks = recipe?.format && blockBitsOf(recipe.format);
  if (inBlocks)
    throw refuse(`chooses from 2 to 8 bits, and blocks have ${inBlocks.join(', ')}`, 'Leave out --format.');
}

/** What quantizes a model again and again holds it in memory. */
export function refuseMeasuring(options: QuantizeOptions, sizeBytes: number): void {
  const { auto, suggest, origins, tuneSpeed, model } = options;
  const asked = { '--auto': auto, '--suggest': suggest, '--origins': origins, '--tune-speed': tuneSpeed };
  const flag = Object.entries(asked).find(([, value]) => value)?.[0];
  if (flag)
    throw new QuantizeError('too-large-to-measure', { flag, path: model, size: formatBytes(sizeBytes) });
}

/** A saved plan is every number: whatever would choose others has no use beside it. */
export function refuseBesidePlan(options: QuantizeOptions): void {
  const { plan, recipe, stats, auto, suggest, tuneSpeed, savePlan, trainData, learned } = options;
  if (plan === undefined) return;
  const beside: readonly (readonly [flag: string, isGiven: boolean])[] = [
    ['a recipe', recipe !== undefined],
    ['--stats', stats !== undefined],
    ['--auto', auto !== undefined],
    ['--suggest', suggest === true],
    ['--tune-speed', tuneSpeed === true],
    ['--save-plan', savePlan !== undefined],
    ['--train-data', trainData !== undefined],
    ['--learned', learned !== undefined],
  ];
  const found = beside.find(([, isGiven]) => isGiven);
  if (!found) return;
  const problem = `stands for the whole recipe and all its numbers, so that ${found[0]} has no use with it`;
  throw new QuantizeError('bad-option', { flag: '--plan', problem, mend: 'Leave out one of the two.' });
}

/** Labels that nothing learns from are a mistake. */
export function refuseUnusedTraining({ trainData }: QuantizeOptions, steps: readonly RefineStep[]): void {
  if (trainData === undefined || steps.some(({ name }) => named(refiners, name).needsLabels)) return;
  const problem = 'has no use where no refiner learns from labels';
  const mend = 'Put finetune into the list of --refine, or leave --refine out.';
  throw new QuantizeError('bad-option', { flag: '--train-data', problem, mend });
}

/** A flag that would do nothing is a mistake. */
export function refuseUnusedStatistics({ activations: { kind } }: Recipe): void {
  if (kind === 'static') return;
  const problem = `has no use with ${kind === 'dynamic' ? '--dynamic' : '--act-bits float'}, which needs no activation ranges`;
  throw new QuantizeError('bad-option', { flag: '--stats', problem, mend: 'Leave out one of the two.' });
}
