import { levelCount } from '../numerics/activation.js';
import { bitsOfKey } from '../place/placement.js';
import type { ReportedPlan } from '../quantize/plan.js';
import { MAX_BITS, settings } from '../recipe.js';

const { usual: usualLevels } = settings.activations.levels;

/** The quantizer of one activation, and where it is from. */
export interface ActivationRecord {
  readonly name: string;
  readonly observer: string;
  readonly bits: number;
  /** The activation scheme that its levels are of. */
  readonly scheme: string;
  /** How many values it can have. */
  readonly levels: number;
  readonly scale: number;
  readonly zeroPoint: number;
  /** Range on the samples; null where no sample had an element there. */
  readonly range: { readonly min: number; readonly max: number } | null;
  /** `empty`, `all zero` or `constant`: what is odd about the values. */
  readonly degenerate: string | null;
  /**
   * What the integer zero point costs: the value of the lowest level with a real offset, and the mean squared errors with
   * it, with the zero point, and with the table that keeps it (null where none does). Null where the observer has no real
   * offset.
   */
  readonly offset: {
    readonly lowest: number;
    readonly error: number;
    readonly roundedError: number;
    readonly exactError: number | null;
  } | null;
}

/** Every quantizer of an activation, in the order of the graph. */
export function describeActivations(plan: ReportedPlan): ActivationRecord[] {
  const { activations, placement, recipe } = plan;
  const levels = recipe.activations.kind === 'static' ? recipe.activations.levels : usualLevels;
  return [...activations].map(([name, { quantizer, observation: seen }]) => {
    const { scale, zeroPoint } = quantizer.grid;
    const { offset } = seen;
    return {
      name,
      observer: seen.observer,
      bits: bitsOfKey(placement, name) ?? MAX_BITS,
      // Where the recipe's scheme is not for a value, its levels are uniform.
      scheme: seen.exactError === undefined && quantizer.kind === 'lut' ? levels : usualLevels,
      levels: levelCount(quantizer),
      scale,
      zeroPoint,
      range: seen.range ?? null,
      degenerate: seen.degenerate ?? null,
      offset: offset
        ? {
            lowest: offset.offset,
            error: offset.error,
            roundedError: offset.roundedError,
            exactError: seen.exactError ?? null,
          }
        : null,
    };
  });
}
