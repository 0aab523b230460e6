import type { Ranges } from '../calibrate/find-ranges.js';
import { flatOf } from '../graph/flat.js';
import type { Graph } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import { quantizerOfRange, quantizeValue } from '../numerics/affine.js';
import { elementCount } from '../numerics/nd-array.js';
import { ruleOf } from '../place/operators.js';
import {
  layerKeyOf,
  observedValues,
  type PlacedModel,
  type Placement,
  roleOf,
  type WeightedNode,
  type WeightSite,
} from '../place/placement.js';
import { type LayerRecipe, MAX_BITS, named, type Recipe, WIDE_BITS } from '../recipe.js';
import { biasOf, scaleFloorIn } from './bias.js';
import { feltIn } from './felt-range.js';
import { weightLimit } from './integer-limit.js';
import { quantizeNormal } from './normal-float.js';
import { gridFor, type ObservedSources, observe, type PlanRegistries } from './observe.js';
import { type Pairing, pairingIn } from './pairs.js';
import type { Plan, PlanNumbers, PlannedActivation, QuantizedConstant, StoredTensor } from './plan.js';
import { quantizePortably } from './quantize-weight.js';
import type { WeightMemory } from './weight-memory.js';
import { type WeightThreads, WeightWorkers } from './weight-workers.js';

interface PlanSources extends ObservedSources {
  readonly memory: WeightMemory | undefined;
}

/** What a plan may be made with, which changes nothing of it. */
export interface PlanMeans extends WeightThreads {
  /** Weights of earlier plans of this model, which are not quantized again where they would be the same. */
  readonly memory?: WeightMemory | undefined;
}

/**
 * Choose every number: activation quantizers from the statistics, weight codes by the schemes, biases as they are.
 *
 * @throws QuantizeError `bad-values` where a tensor was not finite on the samples; what `pause` throws
 */
export async function buildPlan(
  { model, recipe, placement }: Pick<PlacedModel, 'model' | 'recipe' | 'placement'>,
  ranges: Ranges,
  registries: PlanRegistries,
  means: PlanMeans = {},
): Promise<Plan> {
  const felt = feltIn(model.graph, placement);
  const sources: PlanSources = { model, recipe, placement, ranges, registries, memory: means.memory, felt };
  const activations = new Map<string, PlannedActivation>();
  for (const name of observedValues(placement)) {
    const placed = placement.values.get(name);
    const chosen = (bits: number) => {
      const { quantizer, observation } = observe(sources, name, bits);
      return { quantizer, observation, owner: observation.observer };
    };
    activations.set(name, chosen(placed?.bits ?? MAX_BITS));
    if (placed?.layerBits !== undefined) activations.set(layerKeyOf(placed), chosen(placed.layerBits));
  }
  const { graph: flat } = flatOf(model.graph);
  const biases = new Map(
    placement.weighted.flatMap((weighted) => {
      const bias = weighted.runs.kind === 'integer' ? biasOf(flat, weighted) : undefined;
      return bias ? [[weighted.node.id, bias] as const] : [];
    }),
  );
  const weights = await quantizeWeights(sources, { recipe, placement, activations, biases }, means);
  const constants = constantOperands(model.graph, placement, recipe);
  return { recipe, placement, weights, biases, activations, constants, refinements: [] };
}

/**
 * A weight that layers read, all quantized alike, the smallest scales that each of them allows, and how the strictest of
 * their kernels adds its products.
 */
interface SharedWeight {
  readonly site: WeightSite;
  readonly weighted: WeightedNode;
  readonly readers: { readonly id: string; readonly scaleFloor: Float32Array }[];
  pairing: Pairing | undefined;
}

/** Layers that read one weight by one recipe have one tensor, written once, unless the bias of one alone binds its scale. */
async function quantizeWeights(
  sources: PlanSources,
  numbers: PlanNumbers,
  threads: WeightThreads,
): Promise<Map<string, StoredTensor>> {
  const shared = new Map<string, SharedWeight>();
  for (const weighted of sources.placement.weighted) {
    for (const site of weighted.sites) {
      const { bits, scheme, granularity, group } = weighted.recipe;
      const how = weighted.runs.kind === 'float' ? weighted.runs.stored : 'integer';
      const key = JSON.stringify([site.weightName, site.axis, how, bits, scheme, granularity, group]);
      const scaleFloor = scaleFloorIn(numbers, weighted, scaleCount(weighted, site));
      const known = shared.get(key) ?? { site, weighted, readers: [], pairing: undefined };
      known.readers.push({ id: site.id, scaleFloor });
      const pairing = pairingIn(numbers, weighted);
      if (pairing && pairing.bound < (known.pairing?.bound ?? Number.POSITIVE_INFINITY))
        known.pairing = pairing;
      shared.set(key, known);
    }
  }
  const all = [...shared.values()];
  const total = all.reduce((sum, { site }) => sum + elementCount(site.weight.dims), 0);
  const workers = new WeightWorkers(sources.registries.schemes, total, threads);
  try {
    const made = await withWidth(all, workers.width, (each) => quantizeShared(sources, each, workers));
    return new Map(made.flat());
  } finally {
    await workers.close();
  }
}

/** What each of some things becomes, in their order; only so many are at work at a time. */
async function withWidth<T, R>(
  all: readonly T[],
  width: number,
  work: (each: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(all.length);
  let next = 0;
  const follow = async () => {
    while (next < all.length) {
      const at = next++;
      results[at] = await work(all[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, all.length) }, follow));
  return results;
}

/** The tensor of each layer that reads a weight. */
async function quantizeShared(
  sources: PlanSources,
  each: SharedWeight,
  workers: WeightWorkers,
): Promise<[string, StoredTensor][]> {
  const [first, ...others] = each.readers.map(({ scaleFloor }) => scaleFloor);
  const joint = others.reduce(largest, first as Float32Array);
  const weight = await quantizeWeight(sources, each, joint, workers);
  const isBound = others.length > 0 && joint.some((least, c) => weight.scales[c] === least);
  const made: [string, StoredTensor][] = [];
  for (const { id, scaleFloor } of each.readers)
    made.push([id, isBound ? await quantizeWeight(sources, each, scaleFloor, workers) : weight]);
  return made;
}

const largest = (a: Float32Array, b: Float32Array): Float32Array =>
  a.map((value, c) => Math.max(value, b[c] as number));

const scaleAxis = ({ recipe }: WeightedNode, { axis }: WeightSite): number | undefined =>
  recipe.granularity === 'channel' ? axis : undefined;

function scaleCount(weighted: WeightedNode, site: WeightSite): number {
  const axis = scaleAxis(weighted, site);
  return axis === undefined ? 1 : (site.weight.dims[axis] ?? 1);
}

function quantizeWeight(
  sources: PlanSources,
  shared: Pick<SharedWeight, 'site' | 'weighted' | 'pairing'>,
  scaleFloor: Float32Array,
  workers: WeightWorkers,
): Promise<StoredTensor> {
  const { site, weighted, pairing } = shared;
  const { recipe, runs, node } = weighted;
  const { scheme, bits, granularity, group } = recipe;
  const stored = runs.kind === 'float' ? [runs.stored, sources.recipe.format, sources.recipe.blocks] : [];
  const how = [node.id, site.axis, scheme, bits, granularity, group, ...stored];
  const key = JSON.stringify([how, weightLimit(weighted, sources.recipe), pairing?.bound, [...scaleFloor]]);
  const make = () => quantizedWeight(sources, shared, scaleFloor, workers);
  return sources.memory ? sources.memory.recall(site.weight, key, make) : make();
}

async function quantizedWeight(
  sources: PlanSources,
  { site, weighted, pairing }: Pick<SharedWeight, 'site' | 'weighted' | 'pairing'>,
  scaleFloor: Float32Array,
  workers: WeightWorkers,
): Promise<StoredTensor> {
  const { recipe, runs } = weighted;
  const { scheme, bits } = recipe;
  const { dims } = site.weight;
  const values = floatsOf(site.weight);
  if (runs.kind === 'float' && runs.stored === 'blocks' && sources.recipe.format === 'matmulbnb4')
    return quantizeNormal({ values, dims, axis: site.axis, size: sources.recipe.blocks.size });
  if (runs.kind === 'float' && runs.stored === 'blocks')
    return workers.quantizeBlocks({ values, dims, axis: site.axis, bits, scheme, ...sources.recipe.blocks });
  const used = named(sources.registries.schemes, scheme);
  const request = {
    values,
    dims,
    bits,
    // ConvTranspose shares an axis entry among groups; all others have one scale an output channel.
    axis: scaleAxis(weighted, site),
    channelsPerCodebook: channelsPerCodebook(recipe),
    limit: weightLimit(weighted, sources.recipe),
    scaleFloor,
    pairing,
  };
  return quantizePortably(used, request, (plain) => workers.quantize(used, plain));
}

/** One scale for the tensor leaves no channels to tell apart: its codebook is one, too. */
function channelsPerCodebook({ granularity, group }: LayerRecipe): number | undefined {
  if (granularity === 'tensor' || group === 'tensor') return undefined;
  return group === 'channel' ? 1 : group;
}

/** Constants that integer arithmetic reads, over their whole range, as wide as its result. */
export function constantOperands(
  whole: Graph,
  placement: Placement,
  recipe: Pick<Recipe, 'target'>,
): Map<string, QuantizedConstant> {
  const { graph } = flatOf(whole);
  const constants = new Map<string, QuantizedConstant>();
  for (const node of graph.nodes) {
    if (roleOf(placement, node)?.kind !== 'arithmetic' || !ruleOf(node)?.constants) continue;
    const isWide = placement.values.get(node.outputs[0] ?? '')?.bits === WIDE_BITS;
    for (const name of node.inputs) {
      const tensor = graph.initializers.get(name);
      if (!tensor || elementCount(tensor.dims) === 0) continue;
      const values = floatsOf(tensor);
      const min = values.reduce((least, value) => Math.min(least, value), 0);
      const max = values.reduce((most, value) => Math.max(most, value), 0);
      const quantizer = gridFor(recipe, quantizerOfRange(min, max, isWide ? WIDE_BITS : MAX_BITS));
      const codeOf = (value: number) => quantizeValue(value, quantizer);
      constants.set(name, {
        codes: isWide ? Uint16Array.from(values, codeOf) : Uint8Array.from(values, codeOf),
        dims: tensor.dims,
        quantizer,
      });
    }
  }
  return constants;
}
