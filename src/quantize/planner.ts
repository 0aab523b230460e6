import type { Statistics } from '../../calibration/statistics.js';
import type { Model } from '../graph/model.js';
import type { Placement } from '../place/placement.js';
import type { Recipe } from '../recipe.js';
import type { Plan } from './plan.js';

/**
 * Makes the plan of a recipe: the one way to it, for whoever needs one. One calibration stands behind it, whose values are
 * all that any recipe which is asked for could need.
 */
export interface Planner {
  /** The folded float model. */
  readonly model: Model;
  /** Its file, for messages. */
  readonly path: string;
  /** What activation ranges are chosen from; undefined where none is needed. */
  readonly statistics: Statistics | undefined;
  /**
   * What a recipe quantizes.
   *
   * @throws QuantizeError where a pattern names no layer, or nothing is quantized
   */
  place(recipe: Recipe): Placement;
  /**
   * Every number of a recipe, refined as it asks for; asked for the same recipe twice, the plan is the same.
   *
   * @param only - the id of a node: a plan with the numbers of that node alone, not refined
   */
  plan(recipe: Recipe, only?: string): Promise<Plan>;
}
