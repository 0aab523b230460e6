import { firstElementOf } from '../graph/linear-layer.js';
import { nearestPowerOfTwo, SMALLEST_NORMAL } from '../numerics/affine.js';
import { isAllFinite } from '../numerics/finite.js';
import { channelAlong } from '../numerics/nd-array.js';
import { accumulatorOf, inputScaleOf, scaleFloor } from '../quantize/bias.js';
import { weightLimit } from '../quantize/integer-limit.js';
import type { Plan, StoredTensor } from '../quantize/plan.js';
import { schemes } from '../quantize/schemes/schemes.js';
import { named } from '../recipe.js';
import type { RefinableLayer } from './layers.js';

/** How far a scale may be moved: a larger factor protects nothing, and harms where samples are few (seven networks). */
const LEAST_FACTOR = 0.25;
const MOST_FACTOR = 1.25;

/** A channel whose deviation is less than this share of the largest is dead: its scale stays. */
const DEAD = 1e-6;

/** Rounds in which scale floors, biases and factors come to agree. */
const ROUNDS = 3;

/** Mean and variance of each output channel, before the activation function. */
export interface Moments {
  readonly means: Float64Array;
  readonly variances: Float64Array;
}

/** A layer with its weight's scales and its bias corrected. */
export interface Correction {
  readonly weight: StoredTensor;
  readonly bias: Float32Array | undefined;
  /** What makes the corrected result of the one computed: computed · factor + shift, for each output channel. */
  readonly factors: Float64Array;
  readonly shifts: Float64Array;
  /** What the corrected layer has on the samples. */
  readonly moments: Moments;
}

/**
 * Give the output channels of a layer the mean and the deviation that they have in float: the scale times
 * ρ = σ/σ', within ¼ … 1.25, and the bias μ − ρ·(μ' − b). Codes stay.
 *
 * Where channels share a scale, ρ is that of all of them together. A scale is never moved below the one at which the bias
 * fits int32. A layer without a place for a bias keeps its mean.
 *
 * @param float - of the float network
 * @param quantized - of the network as quantized so far
 */
export function correctMoments(
  layer: RefinableLayer,
  plan: Plan,
  float: Moments,
  quantized: Moments,
): Correction {
  const { linear, weight, takesBias } = layer;
  const channels = linear.outputChannels;
  const scaleOf = scaleOfChannel(layer);
  const { powersOfTwo = false } = named(schemes, layer.recipe.scheme);
  const count = weight.kind === 'blocks' ? channels : weight.scales.length;
  const wanted = pooledFactors(scaleOf, count, float, quantized);
  const old = layer.bias ?? new Float32Array(channels);
  const at = (values: ArrayLike<number>, index: number) => values[index] as number;
  let factors = wanted;
  let bias = layer.bias;
  let scales = weight.scales;
  for (let round = 0; round < ROUNDS; round++) {
    if (takesBias)
      bias = Float32Array.from(
        float.means,
        (mean, c) => mean - at(factors, scaleOf(c)) * (at(quantized.means, c) - at(old, c)),
      );
    scales = moved(weight, wanted, { floor: floorOf(layer, plan, bias), powersOfTwo });
    if (weight.kind !== 'blocks')
      factors = Float64Array.from(scales, (scale, s) => scale / at(weight.scales, s));
  }
  const each = Float64Array.from({ length: channels }, (_, c) => at(factors, scaleOf(c)));
  const shifts = each.map((factor, c) =>
    takesBias ? at(float.means, c) - factor * at(quantized.means, c) : 0,
  );
  const moments = {
    means: quantized.means.map((mean, c) => at(each, c) * mean + at(shifts, c)),
    variances: quantized.variances.map((variance, c) => at(each, c) ** 2 * variance),
  };
  return { weight: { ...weight, scales }, bias, factors: each, shifts, moments };
}

/** The smallest scales of a layer's weight, at which this bias fits int32; zeros for one that runs on floats. */
export function floorOf(
  { weighted, weight }: RefinableLayer,
  plan: Plan,
  bias: Float32Array | undefined,
): Float32Array {
  const inputScale = inputScaleOf(plan, weighted);
  if (inputScale === undefined) return new Float32Array(weight.scales.length);
  const accumulator = accumulatorOf(weighted, weightLimit(weighted, plan.recipe));
  return scaleFloor(bias, inputScale, weight.scales.length, accumulator);
}

/** Why a layer is left whose results are not finite everywhere. */
export const NOT_FINITE = 'its results are not finite on the samples';

/** Whether every channel has a finite mean and variance. */
export const areFinite = ({ means, variances }: Moments): boolean =>
  isAllFinite(means) && isAllFinite(variances);

/** How far moments are from those of float: squared differences of means and deviations, relative to the variance. */
export function mismatch(float: Moments, found: Moments): number {
  let error = 0;
  let signal = 0;
  const [wanted, own] = [float.variances, found.variances];
  float.means.forEach((mean, c) => {
    const variance = wanted[c] as number;
    const deviation = Math.sqrt(variance) - Math.sqrt(own[c] as number);
    error += (mean - (found.means[c] as number)) ** 2 + deviation ** 2;
    signal += variance;
  });
  return signal > 0 ? error / signal : 0;
}

/** Scales times factors, of which blocks share one for each output; powers of two where they are to stay so. */
function moved(
  weight: StoredTensor,
  factors: Float64Array,
  { floor, powersOfTwo }: { floor: Float32Array; powersOfTwo: boolean },
): Float32Array {
  const perFactor = weight.scales.length / factors.length;
  return weight.scales.map((scale, s) => {
    const wanted = scale * (factors[Math.floor(s / perFactor)] as number);
    const least = Math.max(floor[s] as number, SMALLEST_NORMAL);
    return powersOfTwo ? nearestPowerOfTwo(wanted, least) : Math.max(Math.fround(wanted), least);
  });
}

/** For each output channel, its scale. */
function scaleOfChannel({ linear, weight }: RefinableLayer): (channel: number) => number {
  if (weight.kind === 'blocks') return (channel) => channel;
  if (weight.axis === undefined) return () => 0;
  // A transposed convolution's scales run along the channels within a group.
  const along = channelAlong(weight.dims, weight.axis);
  const scales = Int32Array.from({ length: linear.outputChannels }, (_, output) =>
    along(firstElementOf(linear, output)),
  );
  return (channel) => scales[channel] as number;
}

/** ρ for each scale: the deviations of the channels that share it, taken together. */
function pooledFactors(
  scaleOf: (channel: number) => number,
  scales: number,
  float: Moments,
  quantized: Moments,
): Float64Array {
  const wanted = new Float64Array(scales);
  const found = new Float64Array(scales);
  const own = quantized.variances;
  float.variances.forEach((variance, c) => {
    const s = scaleOf(c);
    wanted[s] = (wanted[s] as number) + variance;
    found[s] = (found[s] as number) + (own[c] as number);
  });
  const least = DEAD ** 2 * Math.max(...wanted, ...found);
  return wanted.map((variance, s) => {
    const isDead = !(variance > least && (found[s] as number) > least);
    if (isDead) return 1;
    return Math.min(MOST_FACTOR, Math.max(LEAST_FACTOR, Math.sqrt(variance / (found[s] as number))));
  });
}
