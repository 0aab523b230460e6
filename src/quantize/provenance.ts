import * as z from 'zod';
import type { Statistics } from '../../calibration/statistics.js';
import { hashStatistics } from '../../calibration/statistics-hash.js';
import { observedValues, type Placement } from '../place/placement.js';
import { runtimeVersion } from '../runtime/session.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What a model was made from, beside its recipe: enough to tell whether the same is at hand when it is made again. */
export const provenanceSchema = z.strictObject({
  /** SHA-256 of the float model, the same wherever its tensors stand: see `hashModel`. */
  float: sha256,
  /** SHA-256 of what was observed of the values that the recipe quantizes. */
  statistics: sha256.optional(),
  /** How many samples there were. */
  samples: z.int().positive().optional(),
  /** What chose them, and what refiners draw by. */
  seed: z.int().nonnegative().optional(),
  /** The runtime that the float model was run with. */
  runtime: z.string(),
});

export type Provenance = z.output<typeof provenanceSchema>;

/** What a run's plans are made from, whatever their recipe. */
export interface MadeFrom {
  readonly float: string;
  /** How many samples there are; undefined where statistics are read. */
  readonly samples: number | undefined;
  readonly seed: number | undefined;
}

/** What the plan of a placement is made from. */
export function provenanceOf(
  { float, samples, seed }: MadeFrom,
  placement: Placement,
  statistics: Statistics | undefined,
): Provenance {
  const values = statistics ? observedValues(placement) : [];
  const hasStatistics = statistics !== undefined && values.length > 0;
  return {
    float,
    ...(hasStatistics && {
      statistics: hashStatistics(statistics, values),
      ...(statistics.samples > 0 && { samples: samples ?? statistics.samples, seed: seed ?? 0 }),
    }),
    runtime: `onnxruntime ${runtimeVersion}`,
  };
}
