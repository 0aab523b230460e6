import { type Graph, inputAt } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import { LARGEST_CODE } from '../numerics/activation.js';
import { SMALLEST_NORMAL } from '../numerics/affine.js';
import { channelAlong, elementCount } from '../numerics/nd-array.js';
import { clamp, roundHalfEven } from '../numerics/round.js';
import type { WeightedNode } from '../place/placement.js';
import { integerLimit } from './integer-limit.js';
import { integerWeight, layerQuantizerOf, type Plan, type PlanNumbers } from './plan.js';

/** A bias in int32 at scale s_x·s_w, zero point 0 (Jacob et al. 2018, §2.4). */
export interface QuantizedBias {
  readonly values: Int32Array;
  /** fround(s_x·s_w), one a channel, or one. */
  readonly scales: Float32Array;
}

const INT32_MAX = 2 ** 31 - 1;

/** What one output channel sums up: `terms` products of a uint8 and an int8 within ±`limit`. */
export interface Accumulator {
  readonly terms: number;
  readonly limit: number;
}

/**
 * Largest bias magnitude, in steps of s_x·s_w, that leaves room for the products in the int32 accumulator.
 * Half of the type where the products alone could fill it: nothing is certain then.
 */
export function biasLimit({ terms, limit }: Accumulator): number {
  return Math.max(INT32_MAX - terms * LARGEST_CODE * limit, 2 ** 30);
}

/**
 * The smallest weight scale of each channel at which its bias fits: |b| / (s_x·s_w) within the limit. The bias scale is
 * bound to s_x·s_w, so only s_w can give way; and s_x·s_w must stay a normal float32.
 *
 * @param bias - one value a channel; undefined where there is none
 * @param inputScale - s_x
 * @param scales - how many scales the weight has: one, or one a channel
 */
export function scaleFloor(
  bias: Float32Array | undefined,
  inputScale: number,
  scales: number,
  accumulator: Accumulator,
): Float32Array {
  const least = SMALLEST_NORMAL / Math.min(inputScale, 1);
  const floor = new Float32Array(scales).fill(least);
  const limit = biasLimit(accumulator);
  bias?.forEach((b, channel) => {
    const c = scales === 1 ? 0 : channel;
    // Float32 rounding of the scale must not push the bias over the limit again: 2^-22 is four of its steps.
    const needed = (Math.abs(b) / (inputScale * limit)) * (1 + 2 ** -22);
    floor[c] = Math.max(floor[c] as number, needed);
  });
  return floor;
}

/** The bias in steps of s_x·s_w (Jacob et al. 2018, eq. 11). */
export function quantizeBias(
  bias: Float32Array,
  inputScale: number,
  weightScales: Float32Array,
  accumulator: Accumulator,
): QuantizedBias {
  const scales = weightScales.map((scale) => Math.fround(inputScale * scale));
  const limit = biasLimit(accumulator);
  const values = Int32Array.from(bias, (b, channel) => {
    const scale = scales[scales.length === 1 ? 0 : channel] as number;
    return clamp(roundHalfEven(b / scale), -limit, limit);
  });
  return { values, scales };
}

/** The float32 values that a bias stands for. */
export function dequantizeBias({ values, scales }: QuantizedBias): Float32Array {
  return Float32Array.from(values, (value, c) => value * (scales[scales.length === 1 ? 0 : c] as number));
}

/** What the output channels of a node that runs on integers sum up. */
export function accumulatorOf({ sites: [site], runs }: WeightedNode, limit: number): Accumulator {
  const channels = runs.linear?.outputChannels ?? 1;
  return { terms: elementCount(site.weight.dims) / channels, limit };
}

/** The float bias of a node with one value an output channel, whatever shape it is stored in; undefined without one. */
export function biasOf(graph: Graph, { bias, runs }: WeightedNode): Float32Array | undefined {
  const tensor = bias === undefined ? undefined : graph.initializers.get(bias);
  if (!tensor || !runs.linear) return undefined;
  const values = floatsOf(tensor);
  const { outputChannels } = runs.linear;
  return values.length === outputChannels
    ? values
    : new Float32Array(outputChannels).fill(values[0] as number);
}

/** The scale of the codes that a node that runs on integers reads; undefined for one that reads floats. */
export function inputScaleOf(
  plan: Pick<Plan, 'placement' | 'activations'>,
  { node, runs }: WeightedNode,
): number | undefined {
  return runs.kind === 'integer' ? layerQuantizerOf(plan, inputAt(node, 0) ?? '')?.grid.scale : undefined;
}

/** The int32 bias of a node of a plan, at the scales that its input and its weight now have; undefined without one. */
export function biasIn(
  plan: PlanNumbers & Pick<Plan, 'weights'>,
  weighted: WeightedNode,
): QuantizedBias | undefined {
  const bias = plan.biases.get(weighted.node.id);
  const inputScale = inputScaleOf(plan, weighted);
  if (!bias || inputScale === undefined) return undefined;
  const { scales } = integerWeight(plan, weighted.sites[0]);
  return quantizeBias(bias, inputScale, scales, accumulatorOf(weighted, integerLimit(plan.recipe)));
}

/**
 * The smallest scales that the weight of a node may have in a plan: those at which its bias fits int32.
 *
 * @param scales - how many scales the weight has: one, or one a channel
 * @returns zeros for a node that runs on floats
 */
export function scaleFloorIn(plan: PlanNumbers, weighted: WeightedNode, scales: number): Float32Array {
  const inputScale = inputScaleOf(plan, weighted);
  if (inputScale === undefined) return new Float32Array(scales);
  const accumulator = accumulatorOf(weighted, integerLimit(plan.recipe));
  return scaleFloor(plan.biases.get(weighted.node.id), inputScale, scales, accumulator);
}

/** Channels whose scale had to be raised, so that their bias fits int32: of weights that are all 0 it takes nothing. */
export function raisedChannelsIn(plan: Plan, weighted: WeightedNode): number {
  if (weighted.runs.kind !== 'integer' || !plan.biases.has(weighted.node.id)) return 0;
  const [site] = weighted.sites;
  const { scales } = integerWeight(plan, site);
  const floor = scaleFloorIn(plan, weighted, scales.length);
  const isRaised = floor.map((least, c) => (least > 0 && scales[c] === least ? 1 : 0));
  if (!isRaised.includes(1)) return 0;
  const channelOf = channelAlong(site.weight.dims, scales.length === 1 ? undefined : site.axis);
  const hasWeights = new Set<number>();
  const values = floatsOf(site.weight);
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) hasWeights.add(channelOf(i));
  return isRaised.filter((raised, c) => raised === 1 && hasWeights.has(c)).length;
}
