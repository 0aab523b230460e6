import type { Statistics } from '../../calibration/statistics.js';
import { inputAt } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import { dequantizeValue } from '../numerics/affine.js';
import { channelAlong, elementCount } from '../numerics/nd-array.js';
import { layerKeyOf, type WeightedNode, weightedNode } from '../place/placement.js';
import { weightLimit } from '../quantize/integer-limit.js';
import { type Plan, type ReportedPlan, type StoredTensor, weightAt } from '../quantize/plan.js';
import { type BlockTensor, dequantizeTensor, type QuantizedTensor } from '../quantize/quantized-tensor.js';
import type { LayerDrift } from './compare-layers.js';

/** How the values of one tensor lie, and the levels that they are quantized to. */
export interface Distribution {
  /** The layer. */
  readonly id: string;
  readonly kind: 'weight' | 'input';
  /** The tensor. */
  readonly tensor: string;
  /** The output channel that is shown, of a weight with levels of its own for each; null for a whole tensor. */
  readonly channel: number | null;
  /** The block of that channel, where each has levels of its own; null otherwise. */
  readonly block: number | null;
  /** Bounds of the bins, one more than counts, ascending. */
  readonly edges: readonly number[];
  /** Elements in each bin; those of an activation are spread evenly over the finer bins that calibration counted in. */
  readonly counts: readonly number[];
  /** The values that the quantized tensor can have, ascending; at most 256. */
  readonly levels: readonly number[];
}

/** Bins of a histogram: bars of a few pixels where it is drawn as wide as a phone. */
const BINS = 64;

/** Layers whose tensors are shown: those that the error has grown largest at. */
const WORST = 4;

/**
 * The weight of every layer, by its id: the channel, or the block, with the largest squared error where each has its own
 * levels, and the whole tensor otherwise. Made while the plan has its weights; it is small, so that the plan can go.
 */
export function weightDistributions(plan: Plan): Map<string, Distribution> {
  return new Map(
    plan.placement.weighted.map((weighted) => {
      const weight = weightAt(plan, weighted.sites[0]);
      return [weighted.node.id, weightDistribution(weighted, weight, weightLimit(weighted, plan.recipe))];
    }),
  );
}

/**
 * Weights and inputs of the layers with the lowest SQNR, the worst first.
 *
 * @param weights - what {@link weightDistributions} gave
 * @param statistics - undefined where activations have no range of their own: then weights alone are shown
 */
export function worstDistributions(
  layers: readonly LayerDrift[],
  weights: ReadonlyMap<string, Distribution>,
  plan: ReportedPlan,
  statistics: Statistics | undefined,
): Distribution[] {
  const worst = layers
    .filter(({ drift }) => drift.sqnrDb !== null)
    .sort((a, b) => (a.drift.sqnrDb ?? 0) - (b.drift.sqnrDb ?? 0))
    .slice(0, WORST);
  return worst.flatMap(({ id }) => [
    ...[weights.get(id)].filter((found) => found !== undefined),
    ...inputDistribution(id, plan, statistics),
  ]);
}

/** Elements of a weight that share levels: a channel, a block of one, or the whole. */
interface Groups {
  readonly count: number;
  /** Elements side by side that surely are of one group, from every multiple of this on. */
  readonly run: number;
  readonly groupOf: (element: number) => number;
  /** What the elements of a group can be, ascending. */
  readonly levelsOf: (group: number) => number[];
  readonly nameOf: (group: number) => Pick<Distribution, 'channel' | 'block'>;
}

function weightDistribution(
  { node, sites: [site] }: WeightedNode,
  weight: StoredTensor,
  limit: number,
): Distribution {
  const values = floatsOf(site.weight);
  const groups = weight.kind === 'blocks' ? blockGroups(weight) : channelGroups(weight, limit);
  const group = worstGroup(values, dequantizeTensor(weight), groups);
  const shown = elementsOf(values, groups, group);
  const levels = groups.levelsOf(group);
  return {
    id: node.id,
    kind: 'weight',
    tensor: site.weightName,
    ...groups.nameOf(group),
    ...histogram(shown, levels),
    levels,
  };
}

/** The group with the largest sum of squared differences, the first of equals. */
function worstGroup(values: Float32Array, stored: Float32Array, { count, run, groupOf }: Groups): number {
  const errors = new Float64Array(count);
  for (let start = 0; start < values.length; start += run) {
    const group = groupOf(start);
    let error = errors[group] as number;
    for (let i = start; i < start + run; i++) error += ((values[i] as number) - (stored[i] as number)) ** 2;
    errors[group] = error;
  }
  return errors.reduce((worst, error, group) => (error > (errors[worst] as number) ? group : worst), 0);
}

function elementsOf(values: Float32Array, { run, groupOf }: Groups, group: number): Float32Array {
  const found: Float32Array[] = [];
  for (let start = 0; start < values.length; start += run)
    if (groupOf(start) === group) found.push(values.subarray(start, start + run));
  const elements = new Float32Array(found.length * run);
  found.forEach((part, i) => {
    elements.set(part, i * run);
  });
  return elements;
}

function channelGroups(weight: QuantizedTensor, limit: number): Groups {
  const isWhole = weight.axis === undefined;
  return {
    count: weight.scales.length,
    run: elementCount(isWhole ? weight.dims : weight.dims.slice((weight.axis ?? 0) + 1)),
    groupOf: channelAlong(weight.dims, weight.axis),
    levelsOf: (channel) =>
      integerLevels(weight, channel, limit).map((integer) =>
        Math.fround(integer * (weight.scales[channel] as number)),
      ),
    nameOf: (channel) => ({ channel: isWhole ? null : channel, block: null }),
  };
}

function blockGroups({ dims, axis, bits, size, scales, zeroPoints, levels }: BlockTensor): Groups {
  const blocks = Math.ceil((dims[1 - axis] ?? 1) / size);
  const [outputOf, inputOf] = [channelAlong(dims, axis), channelAlong(dims, 1 - axis)];
  return {
    count: scales.length,
    run: 1,
    groupOf: (element) => outputOf(element) * blocks + Math.floor(inputOf(element) / size),
    levelsOf: (group) => {
      const zeroPoint = zeroPoints ? (zeroPoints[group] as number) : 2 ** (bits - 1);
      return Array.from({ length: 2 ** bits }, (_, code) =>
        Math.fround((levels ? (levels[code] as number) : code - zeroPoint) * (scales[group] as number)),
      );
    },
    nameOf: (group) => ({ channel: Math.floor(group / blocks), block: group % blocks }),
  };
}

function integerLevels(weight: QuantizedTensor, channel: number, limit: number): number[] {
  const { bits } = weight;
  if (weight.kind === 'codebook') {
    const book =
      weight.channelsPerCodebook === undefined ? 0 : Math.floor(channel / weight.channelsPerCodebook);
    const levels = weight.levels.subarray(book * 2 ** bits, (book + 1) * 2 ** bits);
    return [...new Set(levels)].sort((a, b) => a - b);
  }
  const half = 2 ** (bits - 1);
  const [low, high] = [Math.max(-half, -limit), Math.min(half - 1, limit)];
  return Array.from({ length: high - low + 1 }, (_, i) => low + i);
}

function inputDistribution(
  id: string,
  { placement, activations }: ReportedPlan,
  statistics: Statistics | undefined,
): Distribution[] {
  const weighted = weightedNode(placement, id);
  if (weighted?.runs.kind !== 'integer') return [];
  const input = placement.values.get(inputAt(weighted.node, 0) ?? '');
  const quantizer = input && activations.get(layerKeyOf(input))?.quantizer;
  const seen = input && statistics?.tensors.get(input.root);
  if (!quantizer || !seen || seen.min > seen.max) return [];
  const { bins, min, max } = seen.distribution();
  const levels = activationLevels(quantizer);
  const edges = edgesOver(min, max, levels);
  const counts = new Array<number>(BINS).fill(0);
  for (const bin of bins) spread(bin, edges, counts);
  return [{ id, kind: 'input', tensor: input.root, channel: null, block: null, edges, counts, levels }];
}

/** The values that an activation can have, ascending. */
export function activationLevels(quantizer: ActivationQuantizer): number[] {
  const { grid } = quantizer;
  const codes =
    quantizer.kind === 'lut'
      ? [...new Set(quantizer.table)].sort((a, b) => a - b)
      : Array.from({ length: grid.high - grid.low + 1 }, (_, i) => grid.low + i);
  return codes.map((code) => dequantizeValue(code, grid));
}

function histogram(values: Float32Array, levels: readonly number[]): Pick<Distribution, 'edges' | 'counts'> {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const edges = edgesOver(min, max, levels);
  const counts = new Array<number>(BINS).fill(0);
  for (const value of values) counts[binOf(value, edges)] = (counts[binOf(value, edges)] as number) + 1;
  return { edges, counts };
}

/** Bins of one width over all values and levels. */
function edgesOver(min: number, max: number, levels: readonly number[]): number[] {
  const low = Math.min(min, levels[0] ?? min);
  const high = Math.max(max, levels.at(-1) ?? max);
  // A constant has no width of its own.
  const width = high > low ? high - low : Math.abs(low) || 1;
  return Array.from({ length: BINS + 1 }, (_, i) =>
    i === BINS && high > low ? high : low + (width * i) / BINS,
  );
}

/** The bin of a value within the edges; the last one holds its upper bound, too. */
function binOf(value: number, edges: readonly number[]): number {
  const [low, high] = [edges[0] as number, edges[BINS] as number];
  return Math.min(Math.floor(((value - low) / (high - low)) * BINS), BINS - 1);
}

/** Share a finer bin's elements out among the bins that it reaches into. */
function spread(
  { low, high, count }: { low: number; high: number; count: number },
  edges: readonly number[],
  counts: number[],
): void {
  const [first, last] = [binOf(low, edges), binOf(high, edges)];
  if (first === last || high === low) {
    counts[first] = (counts[first] as number) + count;
    return;
  }
  for (let bin = first; bin <= last; bin++) {
    const overlap = Math.min(high, edges[bin + 1] as number) - Math.max(low, edges[bin] as number);
    counts[bin] = (counts[bin] as number) + (count * Math.max(overlap, 0)) / (high - low);
  }
}
