import { seededRandom } from '../../../calibration/sampling.js';
import type { Steps } from '../../derive/steps.js';
import { elementCount, type NdArray } from '../../numerics/nd-array.js';
import type { Banks, ValueBank } from './banks.js';

/** ‖found − wanted‖², the mean over the batch and the places, summed over channels (BRECQ, Li et al. 2021, eq. 10, unweighted). */
function squaredLoss(steps: Steps, found: string, wanted: string, dims: readonly number[]): string {
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

/** Where a batch has none of a value. */
const LEAST_ENERGY = 1e-20;

/**
 * ‖found − wanted‖² / ‖wanted‖² of a batch, of values of any size the same: for what is inside a network, of which a few
 * samples say more than of what comes out (FitNets, Romero et al. 2015).
 */
function relativeLoss(steps: Steps, found: string, wanted: string, dims: readonly number[]): string {
  const axes = dims.map((_, axis) => axis);
  const energy = (value: string) => steps.sum(steps.mul(value, value), axes, false);
  const least = steps.scalar(LEAST_ENERGY);
  return steps.div(energy(steps.sub(found, wanted)), steps.add(energy(wanted), least));
}

/** A value that is found, and what it should be. */
export interface Compared {
  readonly found: string;
  readonly wanted: string;
  readonly dims: readonly number[];
}

/** What a teacher is asked, and how much it counts. */
interface Teaching {
  readonly outputs: readonly Compared[];
  /** Values inside a network. */
  readonly hints: readonly Compared[];
  /** What the losses of the outputs are where 0 is found. */
  readonly energy: number;
  /** Of the hints' relative error, beside that of the outputs. */
  readonly hintWeight: number;
  /** Where something else teaches, too: the part of it all, in relative errors. */
  readonly share: number | undefined;
}

/** The losses by which a network learns from its float side. */
export function teacherLosses(
  steps: Steps,
  { outputs, hints, energy, hintWeight, share }: Teaching,
): string[] {
  const unit = share === undefined || energy === 0 ? 1 : share / energy;
  const scaled = (loss: string, factor: number) => (factor === 1 ? loss : steps.scale(loss, factor));
  return [
    ...outputs.map(({ found, wanted, dims }) => scaled(squaredLoss(steps, found, wanted, dims), unit)),
    ...hints.map(({ found, wanted, dims }) => {
      const factor = (unit * energy * hintWeight) / hints.length;
      return scaled(relativeLoss(steps, found, wanted, dims), factor);
    }),
  ];
}

/** What `squaredLoss` is of an output where 0 is found. */
export function energyOf({ values }: Banks, output: string): number {
  const { dims, data } = (values.get(output) as ValueBank).samples;
  const channels = dims.length > 1 ? (dims[1] ?? 1) : 1;
  return (channels * (data as Float32Array).reduce((sum, each) => sum + each ** 2, 0)) / data.length;
}

/** Rows of random masks that every step takes some of: to draw them anew takes longer than all else. */
const MASKS = 32;

/** Rows of 0 and 1, 1 with the probability of `share`. */
export function maskRows(size: number, share: number, seed: number): NdArray {
  const random = seededRandom(seed);
  const data = Float32Array.from({ length: MASKS * size }, () => (random() < share ? 1 : 0));
  return { type: 'float32', dims: [MASKS, size], data };
}
