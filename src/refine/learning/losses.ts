import { seededRandom } from '../../../calibration/sampling.js';
import type { Steps } from '../../derive/steps.js';
import { elementCount, type NdArray } from '../../numerics/nd-array.js';

/** ‖found − wanted‖², the mean over the batch and the places, summed over channels (BRECQ, Li et al. 2021, eq. 10, unweighted). */
export function squaredLoss(steps: Steps, found: string, wanted: string, dims: readonly number[]): string {
  const difference = steps.sub(found, wanted);
  const square = steps.mul(difference, difference);
  const total = steps.sum(
    square,
    dims.map((_, axis) => axis),
    false,
  );
  const channels = dims.length > 1 ? (dims[1] ?? 1) : 1;
  return steps.scale(total, channels / elementCount(dims));
}

/** Rows of random masks that every step takes some of: to draw them anew takes longer than all else. */
const MASKS = 32;

/** Rows of 0 and 1, 1 with the probability of `share`. */
export function maskRows(size: number, share: number, seed: number): NdArray {
  const random = seededRandom(seed);
  const data = Float32Array.from({ length: MASKS * size }, () => (random() < share ? 1 : 0));
  return { type: 'float32', dims: [MASKS, size], data };
}
