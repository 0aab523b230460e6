import { actSchemes } from '../../calibration/act-schemes/act-schemes.js';
import { remembering } from '../../calibration/observers/remembering.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Ranges } from '../calibrate/find-ranges.js';
import { unpaidLayers } from '../emit/emit-plan.js';
import { raisedFor } from '../emit/raise-opset.js';
import type { Model } from '../graph/model.js';
import { place, refuseEmpty } from '../place/place.js';
import { atEightBits, onlyNode, type Placement } from '../place/placement.js';
import { buildPlan } from '../quantize/build-plan.js';
import type { PlanRegistries } from '../quantize/observe.js';
import type { Plan } from '../quantize/plan.js';
import type { Planner } from '../quantize/planner.js';
import { type MadeFrom, provenanceOf } from '../quantize/provenance.js';
import { schemes } from '../quantize/schemes/schemes.js';
import { WeightMemory } from '../quantize/weight-memory.js';
import type { Recipe } from '../recipe.js';
import { refinePlan, type Stopping } from '../refine/refine-plan.js';
import { refineStages } from '../refine/refine-steps.js';
import type { RefineContext } from '../refine/refiner.js';
import { refiners } from '../refine/refiners.js';
import { type Widened, widen } from './widen.js';

/** Recipes that are tried choose each activation's range once; what is remembered goes with the statistics. */
const registries: PlanRegistries = {
  rangeSources: rangeSources.map((source) => ({ ...source, observer: remembering(source.observer) })),
  actSchemes,
  schemes,
};

/** What refiners are given, beside the model. */
export type Refining = Omit<RefineContext, 'model' | 'source' | 'settings'> &
  Stopping & {
    readonly source: SampleSource | undefined;
    /** Told that refinement begins. */
    readonly begin?: (step: string) => Promise<void>;
  };

/** What a planner stands on. */
export interface PlannerSources {
  /** The folded float model. */
  readonly model: Model;
  /** Its file, for messages. */
  readonly path: string;
  readonly ranges: Ranges;
  /** What its plans are made from. */
  readonly madeFrom: MadeFrom;
  /** A plan that was saved: it stands for its recipe. */
  readonly saved?: Plan | undefined;
  /** What plans are refined with; without samples they are not. */
  readonly refining: Refining;
  /** Whether the last plan is kept, and weights of earlier ones: not where a model is large, whose weights are to go when they are written. */
  readonly keeps: boolean;
  /** Threads that weights are quantized in, at most; all cores where it is not given. Nothing of the plan depends on it. */
  readonly threads?: number | undefined;
}

/** The planner of a run. */
export function makePlanner(sources: PlannerSources): Planner {
  const { model, path, ranges, saved, refining, keeps, threads } = sources;
  const placements = new Map<string, Placement>();
  const widened = new Map<string, Widened>();
  const memory = keeps ? new WeightMemory() : undefined;
  let last: { key: string; plan: Promise<Plan> } | undefined;

  const placed = (recipe: Recipe): Placement => {
    const key = keyOf(recipe);
    const known = placements.get(key);
    if (known) return known;
    const placement = place(model, recipe, path);
    refuseEmpty(model, placement, path, recipe);
    // What cannot be written is said before anything is measured.
    raisedFor(model, recipe, path);
    placements.set(key, placement);
    return placement;
  };
  /** With what the statistics ask of the recipe. */
  const wide = (recipe: Recipe): Widened => {
    const key = keyOf(recipe);
    const known =
      widened.get(key) ??
      widen(recipe, { model, ranges, rangeSources: registries.rangeSources, place: placed });
    widened.set(key, known);
    return known;
  };
  const made = async (recipe: Recipe, placement: Placement): Promise<Plan> =>
    buildPlan({ model, recipe, placement }, ranges, registries, { memory, threads, pause: refining.pause });
  /** Few bits that would save no byte cost accuracy for nothing. */
  const paid = async (recipe: Recipe): Promise<Plan> => {
    const placement = placed(recipe);
    const plan = await made(recipe, placement);
    const unpaid = unpaidLayers(model, plan);
    if (unpaid.size === 0) return plan;
    const wider = atEightBits(placement, unpaid, recipe);
    placements.set(keyOf(recipe), wider);
    return made(recipe, wider);
  };
  const refined = async (plan: Plan, recipe: Recipe): Promise<Plan> => {
    const { source, training } = refining;
    const stages = refineStages(recipe, {
      samples: source?.length ?? 0,
      hasTraining: training !== undefined,
    });
    if (!source || stages.length === 0) return plan;
    await refining.begin?.('refine');
    return refinePlan(plan, stages, refiners, { ...refining, model, source });
  };
  return {
    model,
    path,
    statistics: ranges.statistics,
    place: (recipe) => placed(wide(recipe).recipe),
    async plan(given, only) {
      if (saved && keyOf(given) === keyOf(saved.recipe)) {
        const own = saved.provenance ?? provenanceOf(sources.madeFrom, saved.placement, undefined);
        return { ...saved, provenance: { ...own, float: sources.madeFrom.float } };
      }
      const { recipe, nodes } = wide(given);
      if (only !== undefined) return made(recipe, onlyNode(placed(recipe), only));
      const key = keyOf(recipe);
      if (last?.key === key) return last.plan;
      const provenance = provenanceOf(sources.madeFrom, placed(recipe), ranges.statistics);
      const plan = paid(recipe)
        .then((unrefined) => refined(unrefined, recipe))
        .then((whole) => ({ ...whole, provenance, widened: nodes }));
      last = keeps ? { key, plan } : undefined;
      return plan;
    },
  };
}

/** Recipes are plain records, made with their keys in one order. */
const keyOf = (recipe: Recipe): string => JSON.stringify(recipe);
