import { QuantizeError } from '../errors.js';
import {
  AUTO,
  actBitsOf,
  blockBitsOf,
  type Effort,
  named,
  type Recipe,
  type RefineStep,
  stepsOf,
} from '../recipe.js';
import { distill } from './distill.js';
import { finetune } from './finetune.js';
import { moments } from './moments.js';
import { refiners } from './refiners.js';
import { secondOrder } from './second-order.js';

/** Fewer samples than this refine nothing without being asked to: at 32, each of six networks gains 1 to 9 dB by moments. */
const LEAST_SAMPLES = 32;

/**
 * Fewer than this choose no weights by themselves where activations are narrow: at 64, each of three networks is nearer to
 * float by it than by moments, at 32 at W4A4 one is not, while with activations at 8 bits all are (docs/refine.md).
 */
const LEAST_FOR_NARROW = 64;

/** Of so many some are held back, and decide (refine-plan.ts): fewer do not learn by themselves. */
const LEAST_TO_JUDGE = 256;

/** Weights of so many bits are chosen anew; of more, their channels corrected. */
const NARROW_BITS = 4;

/** Activations of so many bits lose little by themselves. */
const WIDE_BITS = 8;

/** What there is to refine on. */
export interface Given {
  /** Calibration samples. */
  readonly samples: number;
  /** Whether there are others whose classes are known. */
  readonly hasTraining: boolean;
}

/** Refiners of which the best one is to be kept. */
export type Stage = readonly RefineStep[];

/**
 * What a recipe asks to be refined with, stage after stage.
 *
 * @returns none where nothing is to be refined
 * @throws QuantizeError `bad-option` where refiners are named and there are no samples, or no labels for those that learn
 * from them
 */
export function refineStages(recipe: Recipe, given: Given): Stage[] {
  const stages =
    recipe.refine === AUTO
      ? usualOf(recipe, given).map((names) => names.flatMap(stepsNamed))
      : stepsNamed(recipe.refine).map((step) => [step]);
  const refuse = (flag: string, problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag, problem, mend });
  const learns = stages.flat().find(({ name }) => named(refiners, name).needsLabels);
  if (learns && !given.hasTraining) {
    const mend = 'Give some with --train-data and --train-labels; distill learns without.';
    throw refuse('--refine', `has ${learns.name}, which needs labelled samples`, mend);
  }
  if (recipe.effort !== 'fast' && given.samples === 0)
    throw refuse('--effort', 'needs samples', 'Give them with --data, or leave --effort out.');
  if (given.samples > 0 || stages.length === 0) return stages;
  throw refuse('--refine', 'needs samples', 'Give them with --data, or leave --refine out.');
}

function stepsNamed(text: string): RefineStep[] {
  const steps = stepsOf(text, refiners);
  if (typeof steps === 'string') throw new Error(`--refine ${steps}`);
  return steps;
}

/** For each stage the names of its refiners. */
function usualOf(recipe: Recipe, { samples, hasTraining }: Given): string[][] {
  const closedForms = closedFormsOf(recipe, samples);
  const mayLearn = samples >= LEAST_TO_JUDGE && !blockBitsOf(recipe.format);
  return [
    ...(closedForms.length > 0 ? [closedForms] : []),
    ...(mayLearn ? learned[recipe.effort].map((each) => [each]) : []),
    ...(hasTraining ? [[finetune.name]] : []),
  ];
}

/** What runs behind the closed forms, by measurement (docs/refine.md). */
const learned: Readonly<Record<Effort, readonly string[]>> = {
  fast: [],
  good: [`${distill.name}:latent=yes:copies=15`],
  best: [`${distill.name}:latent=yes:copies=30:steps=1500`],
};

/**
 * What serves the narrowest weights of a recipe best, by measurement (docs/refine.md). Where codes are chosen anew and
 * samples decide, channels alone are tried, too: where activations are what limits, that can be all there is to gain.
 */
function closedFormsOf(recipe: Recipe, samples: number): string[] {
  const { bits, rules, format } = recipe;
  if (samples < LEAST_SAMPLES) return [];
  const narrowest = Math.min(bits, ...rules.map((rule) => rule.bits ?? bits));
  // Blocks have scales enough: what is left to choose is codes.
  if (format === 'matmulbnb4') return [];
  if (blockBitsOf(format)) return narrowest <= NARROW_BITS ? [secondOrder.name] : [];
  const isWide = [actBitsOf(recipe), ...rules.map((rule) => rule.actBits)].every(
    (each) => each === undefined || each === 'float' || each >= WIDE_BITS,
  );
  if (narrowest > NARROW_BITS || (!isWide && samples < LEAST_FOR_NARROW)) return [moments.name];
  return samples >= LEAST_TO_JUDGE ? [secondOrder.name, moments.name] : [secondOrder.name];
}
