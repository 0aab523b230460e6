import type { PassReport } from '../fold/fold-model.js';
import type { ValueInfo } from '../graph/model.js';
import type { Recipe } from '../recipe.js';
import type { PlanDescription } from './describe-plan.js';

/** What `inspect` finds: the model's interface, what folding did, and the plan. */
export interface Inspection {
  /** The file's name. */
  readonly model: string;
  readonly recipe: Recipe;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly fold: readonly PassReport[];
  readonly plan: PlanDescription;
}
