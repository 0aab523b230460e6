import { QuantizeError } from '../errors.js';
import { AUTO, NONE, named, type Recipe, type RefineStep, stepsOf } from '../recipe.js';
import { finetune } from './finetune.js';
import { moments } from './moments.js';
import { refiners } from './refiners.js';
import { secondOrder } from './second-order.js';

/** Fewer samples than this are not asked to correct channels without being asked for. */
const LEAST_SAMPLES = 64;

/** At 8 bits corrections are small, and so is what few samples get wrong (five networks: none loses 0.2 dB by 16). */
const LEAST_AT_WIDE = 32;

/** Fewer than this choose no weights by themselves: of so many some are held back, and decide (refine-plan.ts). */
const LEAST_FOR_WEIGHTS = 256;

/** Weights of this many bits are chosen anew; of more, their channels corrected. */
const NARROW_BITS = 4;
const WIDE_BITS = 8;

/** What there is to refine on. */
export interface Given {
  /** Calibration samples. */
  readonly samples: number;
  /** Whether there are others whose classes are known. */
  readonly hasTraining: boolean;
}

/**
 * The refiners that a recipe asks for.
 *
 * @throws QuantizeError `bad-option` where refiners are named and there are no samples, or no labels for those that learn
 * from them
 */
export function refineSteps(recipe: Recipe, given: Given): RefineStep[] {
  const wanted = recipe.refine === AUTO ? usualOf(recipe, given) : recipe.refine;
  const steps = stepsOf(wanted, refiners);
  if (typeof steps === 'string') throw new Error(`--refine ${steps}`);
  const refuse = (flag: string, problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag, problem, mend });
  const learns = steps.find(({ name }) => named(refiners, name).needsLabels);
  if (learns && !given.hasTraining) {
    const mend = 'Give some with --train-data and --train-labels; distill learns without.';
    throw refuse('--refine', `has ${learns.name}, which needs labelled samples`, mend);
  }
  if (given.samples > 0 || steps.length === 0) return steps;
  throw refuse('--refine', 'needs samples', 'Give them with --data, or leave --refine out.');
}

/** What serves the narrowest weights of a recipe best, by measurement (docs/refine.md). */
function usualOf(recipe: Recipe, { samples, hasTraining }: Given): string {
  const unlabelled = closedFormOf(recipe, samples);
  if (!hasTraining) return unlabelled;
  return unlabelled === NONE ? finetune.name : `${unlabelled},${finetune.name}`;
}

function closedFormOf({ bits, rules, format }: Recipe, samples: number): string {
  const narrowest = Math.min(bits, ...rules.map((rule) => rule.bits ?? bits));
  const least = narrowest < WIDE_BITS ? LEAST_SAMPLES : LEAST_AT_WIDE;
  if (samples < least || format === 'matmulnbits') return NONE;
  return narrowest <= NARROW_BITS && samples >= LEAST_FOR_WEIGHTS ? secondOrder.name : moments.name;
}
