import { recurrenceOf } from '../graph/recurrence.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import { CODES, WIDE_CODES } from '../numerics/activation.js';
import { SMALLEST_NORMAL } from '../numerics/affine.js';
import { isAllFinite } from '../numerics/finite.js';
import { elementCount } from '../numerics/nd-array.js';
import { type Placement, type WeightedNode, type WeightSite, weightedNode } from '../place/placement.js';
import type { Recipe } from '../recipe.js';
import { scaleFloorIn } from './bias.js';
import { weightLimit } from './integer-limit.js';
import { normalFloat4 } from './normal-float.js';
import type { PlanNumbers, StoredTensor } from './plan.js';
import type { BlockTensor, QuantizedTensor } from './quantized-tensor.js';

/**
 * What is wrong with the quantized weight of a site: shape, width, codes, scales; undefined where nothing is.
 *
 * The scales of a node that runs on integers must leave room for its bias, as the plan now has it.
 */
export function problemOfWeight(
  plan: PlanNumbers,
  weighted: WeightedNode,
  site: WeightSite,
  weight: StoredTensor,
): string | undefined {
  const { recipe, runs } = weighted;
  const inBlocks = runs.kind === 'float' && runs.stored === 'blocks';
  if ((weight.kind === 'blocks') !== inBlocks) return `is ${inBlocks ? 'not ' : ''}in blocks`;
  if (weight.bits !== recipe.bits) return `has ${weight.bits} bits where the recipe has ${recipe.bits}`;
  if (weight.dims.join() !== site.weight.dims.join())
    return `has shape [${weight.dims}] where the model has [${site.weight.dims}]`;
  if (weight.kind === 'blocks') return problemOfBlocks(weight, site, plan.recipe);
  const limit = weightLimit(weighted, plan.recipe);
  return (
    problemOfScales(weight, site) ??
    (weight.kind === 'affine'
      ? problemOfCodes(weight.codes, elementCount(weight.dims), affineRange(weight.bits, limit))
      : problemOfCodebook(weight, limit)) ??
    problemOfFloor(plan, weighted, weight)
  );
}

/** The node whose bias a plan keys by an id: its own, or that of one of its sites where each has a bias of its own. */
export const biasOwner = (
  placement: Pick<Placement, 'roles' | 'weighted'>,
  id: string,
): WeightedNode | undefined =>
  weightedNode(placement, id) ??
  placement.weighted.find(({ node, sites }) => recurrenceOf(node) && sites.some((site) => site.id === id));

/** What is wrong with the bias target of an id: its length, or a value; undefined where nothing is. */
export function problemOfBias(weighted: WeightedNode, id: string, bias: Float32Array): string | undefined {
  const channels = biasChannels(weighted, id);
  if (channels === undefined) return 'belongs to a node without output channels';
  if (bias.length !== channels)
    return `has ${bias.length} values where the layer has ${channels} output channels`;
  return isAllFinite(bias) ? undefined : 'holds values that are not finite';
}

function biasChannels({ node, runs, sites }: WeightedNode, id: string): number | undefined {
  const recurrence = sites.some((site) => site.id === id) ? recurrenceOf(node) : undefined;
  if (!recurrence) return runs.linear?.outputChannels;
  return recurrence.reverse.length * recurrence.gates * recurrence.cells;
}

/** What is wrong with the quantizer of an activation; undefined where nothing is. */
export function problemOfActivation(quantizer: ActivationQuantizer): string | undefined {
  const { scale, zeroPoint, low, high } = quantizer.grid;
  // uint16 is taken whole, or not at all.
  const isWide = quantizer.kind === 'affine' && high === WIDE_CODES - 1;
  const codes = isWide ? WIDE_CODES : CODES;
  const isCode = (code: number) => Number.isInteger(code) && code >= 0 && code < codes;
  if (!isStep(scale)) return `has a step of ${scale}`;
  if (![zeroPoint, low, high].every(isCode) || low > high) return 'has codes outside of uint8';
  if (zeroPoint < low || zeroPoint > high) return 'has no code for 0';
  if (quantizer.kind === 'lut' && quantizer.table.length !== CODES) return `has no table of ${CODES} codes`;
  return undefined;
}

/** A step that float32 holds as a normal number. */
const isStep = (scale: number): boolean =>
  Number.isFinite(scale) && scale >= SMALLEST_NORMAL && Math.fround(scale) === scale;

function affineRange(bits: number, limit: number): readonly [low: number, high: number] {
  const half = 2 ** (bits - 1);
  return [Math.max(-half, -limit), Math.min(half - 1, limit)];
}

function problemOfScales({ axis, dims, scales }: QuantizedTensor, site: WeightSite): string | undefined {
  if (axis !== undefined && axis !== site.axis)
    return `has scales along axis ${axis} where the channels run along ${site.axis}`;
  const count = axis === undefined ? 1 : (dims[axis] ?? 1);
  if (scales.length !== count) return `has ${scales.length} scales where it needs ${count}`;
  return scales.every(isStep) ? undefined : 'has a scale that is no step';
}

function problemOfCodes(
  codes: Int8Array | Uint8Array,
  count: number,
  [low, high]: readonly [low: number, high: number],
): string | undefined {
  if (codes.length !== count) return `has ${codes.length} codes where it needs ${count}`;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    if (code < low || code > high) return `has code ${code}, outside of ${low} to ${high}`;
  }
  return undefined;
}

function problemOfCodebook(
  { bits, dims, axis, channelsPerCodebook, levels, indices }: Extract<QuantizedTensor, { kind: 'codebook' }>,
  limit: number,
): string | undefined {
  if (
    channelsPerCodebook !== undefined &&
    !(Number.isInteger(channelsPerCodebook) && channelsPerCodebook > 0)
  )
    return 'has codebooks for no channels';
  const channels = axis === undefined ? 1 : (dims[axis] ?? 1);
  const books = channelsPerCodebook === undefined ? 1 : Math.ceil(channels / channelsPerCodebook);
  return (
    problemOfCodes(levels, books * 2 ** bits, [-limit, limit]) ??
    problemOfCodes(indices, elementCount(dims), [0, 2 ** bits - 1])
  );
}

function problemOfBlocks(
  { axis, dims, bits, size, codes, scales, zeroPoints, levels }: BlockTensor,
  site: WeightSite,
  { blocks: wanted, format }: Pick<Recipe, 'blocks' | 'format'>,
): string | undefined {
  if (axis !== site.axis) return `has its outputs along axis ${axis}`;
  if (size !== wanted.size) return `has blocks of ${size} where the recipe has ${wanted.size}`;
  const isNormal =
    levels?.length === normalFloat4.length && levels.every((level, i) => level === normalFloat4[i]);
  if (isNormal !== (format === 'matmulbnb4') || (levels && !isNormal)) return 'has levels of another format';
  const blocks = (dims[axis] ?? 1) * Math.ceil((dims[1 - axis] ?? 1) / size);
  if (scales.length !== blocks) return `has ${scales.length} scales where it needs ${blocks}`;
  if (!scales.every(isStep)) return 'has a scale that is no step';
  const range = [0, 2 ** bits - 1] as const;
  return (
    problemOfCodes(codes, blocks * size, range) ?? (zeroPoints && problemOfCodes(zeroPoints, blocks, range))
  );
}

function problemOfFloor(
  plan: PlanNumbers,
  weighted: WeightedNode,
  { scales }: QuantizedTensor,
): string | undefined {
  const floor = scaleFloorIn(plan, weighted, scales.length);
  const low = floor.findIndex((least, c) => (scales[c] as number) < least);
  return low < 0
    ? undefined
    : `has scale ${scales[low]} in channel ${low}, where its bias fits int32 from ${floor[low]} on`;
}
