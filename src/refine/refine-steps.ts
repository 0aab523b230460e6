import { QuantizeError } from '../errors.js';
import { AUTO, NONE, type Recipe, type RefineStep, stepsOf } from '../recipe.js';
import { moments } from './moments.js';
import { refiners } from './refiners.js';
import { secondOrder } from './second-order.js';

/** Fewer samples than this are not asked to correct channels without being asked for. */
const LEAST_SAMPLES = 64;

/** Fewer than this choose no weights by themselves: of so many some are held back, and decide (refine-plan.ts). */
const LEAST_FOR_WEIGHTS = 256;

/** Weights of this many bits are chosen anew; of fewer than eight, their channels corrected. */
const NARROW_BITS = 4;
const WIDE_BITS = 8;

/**
 * The refiners that a recipe asks for.
 *
 * @param samples - how many there are
 * @throws QuantizeError `bad-option` where refiners are named and there are no samples
 */
export function refineSteps(recipe: Recipe, samples: number): RefineStep[] {
  const wanted = recipe.refine === AUTO ? usualOf(recipe, samples) : recipe.refine;
  const steps = stepsOf(wanted, refiners);
  if (typeof steps === 'string') throw new Error(`--refine ${steps}`);
  if (samples > 0 || steps.length === 0) return steps;
  const mend = 'Give them with --data, or leave --refine out.';
  throw new QuantizeError('bad-option', { flag: '--refine', problem: 'needs samples', mend });
}

/** What serves the narrowest weights of a recipe best, by measurement (docs/refine.md); nothing at 8 bits. */
function usualOf({ bits, rules, format }: Recipe, samples: number): string {
  if (samples < LEAST_SAMPLES || format === 'matmulnbits') return NONE;
  const narrowest = Math.min(bits, ...rules.map((rule) => rule.bits ?? bits));
  if (narrowest <= NARROW_BITS && samples >= LEAST_FOR_WEIGHTS) return secondOrder.name;
  return narrowest < WIDE_BITS ? moments.name : NONE;
}
