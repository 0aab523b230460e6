import { splitSource } from '../../calibration/held-out.js';
import { spreadSource } from '../../calibration/spread-source.js';
import type { Labelled } from '../calibrate/samples.js';
import { QuantizeError } from '../errors.js';
import { changed } from '../quantize/changed.js';
import type { Judge, Plan, RefinementRecord } from '../quantize/plan.js';
import { named, type RefineStep } from '../recipe.js';
import { refinableLayers } from './layers.js';
import { classError, classGoal } from './learning/class-goal.js';
import { measureLayers } from './open-walk.js';
import { outputError } from './output-error.js';
import type { Stage } from './refine-steps.js';
import type { RefineContext, Refinement, Refiner } from './refiner.js';

/** Samples held back: as few as tell an improvement, and no more than one in so many. */
const HELD_BACK = 64;
const LEAST_PARTS = 4;
const MOST_PARTS = 8;

export interface Stopping {
  /** Told where the run was stopped: the plan with what was found by then, blocks that were learned included. */
  readonly stopped?: ((plan: Plan) => void) | undefined;
}

/** A plan as a refiner left it. */
interface Refined {
  readonly plan: Plan;
  /** Undefined where no samples are held back. */
  readonly error: number | undefined;
  readonly record: RefinementRecord;
}

/**
 * Refine a plan, stage after stage, and keep the best of each.
 *
 * What a refiner finds is kept unless the outputs on samples held back are worse by it; a layer's own error is no guide,
 * since layers whose error rises still help the outputs. Of fewer than 256 samples none are held back, and the first
 * refiner of each stage is kept.
 *
 * @param stages - what the recipe asks for (refine-steps.ts)
 */
export async function refinePlan(
  plan: Plan,
  stages: readonly Stage[],
  refiners: readonly Refiner[],
  context: Omit<RefineContext, 'settings'> & Stopping,
): Promise<Plan> {
  if (stages.length === 0) return plan;
  const { model, training } = context;
  const calibration = await holdBack({ source: context.source, labels: [] });
  const isLabelled = stages.flat().some(({ name }) => named(refiners, name).needsLabels);
  const classes = isLabelled && training ? await holdBack(training) : undefined;
  const kept = calibration.kept.source;
  const shapes = await measureLayers({ model, source: kept }, refinableLayers(model.graph, plan));
  const errorOf = async (of: Plan, judge: Judge): Promise<number | undefined> => {
    const heldBack = (judge === 'labels' ? classes : calibration)?.heldBack;
    if (!heldBack) return undefined;
    const sources = { model, source: heldBack.source, shapes };
    if (judge === 'float') return outputError(of, sources);
    return classError(of, sources, await classGoal(model, heldBack, 0));
  };
  const records: RefinementRecord[] = [];
  const withRecords = (of: Plan): Plan => ({ ...of, refinements: [...plan.refinements, ...records] });
  let best = plan;
  const known = new Map<Judge, number | undefined>();
  const refine = async ({ name, settings }: RefineStep): Promise<Refined> => {
    const refiner = named(refiners, name);
    const judge: Judge = refiner.needsLabels ? 'labels' : 'float';
    if (!known.has(judge)) known.set(judge, await errorOf(best, judge));
    const before = known.get(judge);
    const progress: RefineContext['progress'] = (done, total, unit, more) =>
      context.progress(done, total, unit, { part: name, ...more });
    let partly: Refinement | undefined;
    const most = refiner.mostSamples?.(settings, shapes);
    const source = most === undefined ? kept : await spreadSource(kept, most);
    const found = refiner.refine(best, {
      ...{ ...context, progress, source, training: classes?.kept, shapes, settings },
      partly: (found) => {
        partly = found;
      },
    });
    const { change, blocks } = await found.catch((thrown) => {
      if (isStop(thrown)) context.stopped?.(withRecords(partly ? changed(best, name, partly.change) : best));
      throw thrown;
    });
    const refined = changed(best, name, change);
    const after = await errorOf(refined, judge);
    const used = judge === 'labels' ? classes : undefined;
    const record: RefinementRecord = {
      ...{ name, settings, judge, samples: (used?.kept.source ?? source).length },
      ...{
        heldBack: (used ?? calibration).heldBack?.source.length ?? 0,
        before: before ?? null,
        after: after ?? null,
      },
      ...{ kept: before === undefined || after === undefined || after <= before, blocks },
    };
    return { plan: refined, error: after, record };
  };
  for (const [first, ...others] of stages) {
    if (!first) continue;
    const found = [await refine(first)];
    // Without samples that decide, there is no telling which is better.
    if (found[0]?.error !== undefined) for (const other of others) found.push(await refine(other));
    const chosen = found.reduce((one, other) => ((other.error ?? 0) < (one.error ?? 0) ? other : one));
    records.push(...found.map((each) => (each === chosen ? each.record : { ...each.record, kept: false })));
    if (!chosen.record.kept) continue;
    best = chosen.plan;
    known.clear();
    known.set(chosen.record.judge, chosen.error);
  }
  return withRecords(best);
}

const isStop = (thrown: unknown): boolean => thrown instanceof QuantizeError && thrown.code === 'interrupted';

/** Samples to work on, and others that decide, each with their labels where there are some. */
export async function holdBack({
  source,
  labels,
}: Labelled): Promise<{ kept: Labelled; heldBack: Labelled | undefined }> {
  const whole = { kept: { source, labels }, heldBack: undefined };
  const parts = Math.min(MOST_PARTS, Math.floor(source.length / HELD_BACK));
  if (parts < LEAST_PARTS) return whole;
  const { kept, heldOut, isHeldOut } = await splitSource(source, parts);
  if (heldOut === source) return whole;
  return {
    kept: { source: kept, labels: labels.filter((_, sample) => !isHeldOut(sample)) },
    heldBack: { source: heldOut, labels: labels.filter((_, sample) => isHeldOut(sample)) },
  };
}
