import { QuantizeError } from '../errors.js';
import { AUTO, type Recipe, type RefineStep, stepsOf } from '../recipe.js';
import { refiners } from './refiners.js';

/**
 * The refiners that a recipe asks for. `auto` asks for none yet.
 *
 * @throws QuantizeError `bad-option` where refiners are named and there are no samples
 */
export function refineSteps(recipe: Recipe, hasSamples: boolean): RefineStep[] {
  if (recipe.refine === AUTO) return [];
  const steps = stepsOf(recipe.refine, refiners);
  if (typeof steps === 'string') throw new Error(`--refine ${steps}`);
  if (hasSamples || steps.length === 0) return steps;
  const mend = 'Give them with --data, or leave --refine out.';
  throw new QuantizeError('bad-option', { flag: '--refine', problem: 'needs samples', mend });
}
