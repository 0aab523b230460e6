import { splitSource } from '../../calibration/held-out.js';
import type { SampleSource } from '../../calibration/source.js';
import { changed } from '../quantize/changed.js';
import type { Plan, RefinementRecord } from '../quantize/plan.js';
import { named, type RefineStep } from '../recipe.js';
import { refinableLayers } from './layers.js';
import { measureLayers } from './open-walk.js';
import { outputError } from './output-error.js';
import type { RefineContext, Refiner } from './refiner.js';

/** Samples held back: as few as tell an improvement, and no more than one in so many. */
const HELD_BACK = 64;
const LEAST_PARTS = 4;
const MOST_PARTS = 8;

/**
 * Refine a plan, one refiner after the other.
 *
 * What a refiner finds is kept unless the outputs on samples held back are worse by it; a layer's own error is no guide,
 * since layers whose error rises still help the outputs. Of fewer than 256 samples none are held back, and all is kept.
 *
 * @param steps - what the recipe asks for
 */
export async function refinePlan(
  plan: Plan,
  steps: readonly RefineStep[],
  refiners: readonly Refiner[],
  context: Omit<RefineContext, 'settings'>,
): Promise<Plan> {
  if (steps.length === 0) return plan;
  const { kept, heldBack } = await holdBack(context.source);
  const { model } = context;
  const shapes = await measureLayers({ model, source: kept }, refinableLayers(model.graph, plan));
  const errorOf = async (of: Plan) =>
    heldBack && (await outputError(of, { model, source: heldBack, shapes }));
  const records: RefinementRecord[] = [];
  let best = plan;
  let before = await errorOf(plan);
  for (const { name, settings } of steps) {
    const refiner = named(refiners, name);
    const { change, blocks } = await refiner.refine(best, { ...context, source: kept, shapes, settings });
    const refined = changed(best, name, change);
    const after = await errorOf(refined);
    const isKept = before === undefined || after === undefined || after <= before;
    const samples = { samples: kept.length, heldBack: heldBack?.length ?? 0 };
    records.push({
      name,
      settings,
      ...samples,
      before: before ?? null,
      after: after ?? null,
      kept: isKept,
      blocks,
    });
    if (!isKept) continue;
    best = refined;
    before = after;
  }
  return { ...best, refinements: [...plan.refinements, ...records] };
}

async function holdBack(
  source: SampleSource,
): Promise<{ kept: SampleSource; heldBack: SampleSource | undefined }> {
  const parts = Math.min(MOST_PARTS, Math.floor(source.length / HELD_BACK));
  if (parts < LEAST_PARTS) return { kept: source, heldBack: undefined };
  const { kept, heldOut } = await splitSource(source, parts);
  return heldOut === source ? { kept, heldBack: undefined } : { kept, heldBack: heldOut };
}
