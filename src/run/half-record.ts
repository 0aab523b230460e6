import type { SampleSource } from '../../calibration/source.js';
import type { EmittedPlan } from '../emit/emit-plan.js';
import type { HalfNodes } from '../emit/half-nodes.js';
import { type HalfModels, type HalfRecord, halfCost } from '../evaluate/half-cost.js';
import type { Model } from '../graph/model.js';
import type { MachineOptions } from '../options.js';

/** What a run holds of the floats in 16 bits until it measures. */
export type HeldHalves = HalfNodes & {
  /** Undefined where the model is too large to be held. */
  readonly wide: Model | undefined;
};

/** The weights of a large model are not held beyond its writing. */
export const heldHalves = (halves: EmittedPlan['halves'], isLarge: boolean): HeldHalves | undefined =>
  halves && { ...halves, wide: isLarge ? undefined : halves.wide };

/** What became of floats in 16 bits, and what that costs. */
export async function halfRecord(
  halves: HeldHalves | undefined,
  isMeasured: boolean,
  {
    float,
    written,
    evaluation,
    options: { threads, provider },
  }: Omit<HalfModels, 'wide'> & { evaluation: SampleSource; options: MachineOptions },
): Promise<HalfRecord | undefined> {
  if (!halves) return undefined;
  const { wide, nodes, kept } = halves;
  const isCompared = isMeasured && wide !== undefined;
  const cost = isCompared ? await halfCost({ float, wide, written }, evaluation, { threads, provider }) : [];
  return { nodes, kept, cost };
}
