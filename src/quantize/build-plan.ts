import { isDeepStrictEqual } from 'node:util';
import type { ActScheme } from '../../calibration/act-schemes/act-scheme.js';
import { exactOffset } from '../../calibration/observers/exact-offset.js';
import type { Observer } from '../../calibration/observers/observer.js';
import type { Statistics } from '../../calibration/statistics.js';
import { QuantizeError } from '../errors.js';
import { type Graph, inputAt, type Model, type Node } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import { type AffineQuantizer, quantizerOfRange, quantizeValue } from '../numerics/affine.js';
import { elementCount } from '../numerics/nd-array.js';
import { ruleOf } from '../place/operators.js';
import {
  observedValues,
  type Placement,
  type QuantizedLayer,
  type StoredWeight,
  storedWeights,
} from '../place/placement.js';
import { type LayerRecipe, MAX_BITS, named, type Recipe } from '../recipe.js';
import { type Accumulator, quantizeBias, scaleFloor } from './bias.js';
import { quantizeBlocks } from './blocks.js';
import { integerLimit, STORED_LIMIT } from './integer-limit.js';
import type { LayerPlan, Observation, Plan, QuantizedConstant } from './plan.js';
import type { QuantizedTensor } from './quantized-tensor.js';
import type { Scheme } from './schemes/scheme.js';

/** What the numbers of a plan are made from. */
export interface PlanSources {
  readonly model: Model;
  readonly recipe: Recipe;
  readonly placement: Placement;
  /** Undefined where activations stay in float. */
  readonly statistics: Statistics | undefined;
  readonly observers: readonly Observer[];
  readonly actSchemes: readonly ActScheme[];
  /** The observer of single values, where it is not the recipe's. */
  readonly choices?: ReadonlyMap<string, Observer> | undefined;
  readonly schemes: readonly Scheme[];
}

/**
 * Choose every number: activation quantizers from the statistics, weight codes by the schemes, biases at s_x·s_w.
 *
 * @throws QuantizeError `bad-values` where a tensor was not finite on the samples
 */
export function buildPlan(sources: PlanSources): Plan {
  const { model, recipe, placement } = sources;
  const activations = new Map<string, ActivationQuantizer>();
  const observations = new Map<string, Observation>();
  for (const name of observedValues(placement)) {
    const { quantizer, observation } = observe(sources, name);
    activations.set(name, quantizer);
    observations.set(name, observation);
  }
  const layers = new Map<Node, LayerPlan>();
  for (const layer of placement.layers) {
    const input = placement.values.get(inputAt(layer.linear.node, 0) ?? '');
    const quantizer = input && activations.get(input.root);
    const plan = planLayer(sources, layer, quantizer?.grid);
    layers.set(layer.linear.node, { ...plan, weight: sharedWeight([...layers.values()], plan) });
  }
  const stored = new Map(
    storedWeights(placement).map((weight) => [weight.name, storeWeight(sources, weight)]),
  );
  const constants = constantOperands(model.graph, placement);
  return { recipe, placement, layers, stored, activations, observations, constants };
}

/** A weight for a float operator: no bias and no integer sum bind its scale. */
function storeWeight(sources: PlanSources, { tensor, axis, recipe }: StoredWeight): QuantizedTensor {
  const { dims } = tensor;
  const along = recipe.granularity === 'channel' ? axis : undefined;
  const scaleFloor = new Float32Array(along === undefined ? 1 : (dims[along] ?? 1));
  const scheme = named(sources.schemes, recipe.scheme);
  const request = {
    values: floatsOf(tensor),
    dims,
    bits: recipe.bits,
    axis: along,
    channelsPerCodebook: channelsPerCodebook(recipe),
    limit: STORED_LIMIT,
    scaleFloor,
  };
  return scheme.quantize(request);
}

function observe(
  sources: PlanSources,
  name: string,
): { quantizer: ActivationQuantizer; observation: Observation } {
  const { placement, statistics, recipe } = sources;
  const observer = sources.choices?.get(name) ?? named(sources.observers, recipe.observer);
  const seen = statistics?.tensors.get(name);
  const bits = placement.values.get(name)?.bits ?? MAX_BITS;
  // What to exclude: a layer that reads the value, as it is or moved, or else the one that makes it.
  const rootOf = (value: string | undefined) => placement.values.get(value ?? '')?.root;
  const nodes = placement.layers.map((layer) => layer.linear.node);
  const layer =
    nodes.find((node) => rootOf(inputAt(node, 0)) === name) ??
    nodes.find((node) => rootOf(placement.results.get(node)) === name);
  if (!seen || seen.nonFinite > 0) {
    const problem = seen ? `${seen.nonFinite} values that are not finite` : 'no values';
    throw new QuantizeError('bad-values', { tensor: name, problem, layer: layer?.id ?? name });
  }
  const { min, max } = seen;
  // No sample had an element there: any quantizer serves.
  if (min > max) {
    const quantizer = { kind: 'affine', grid: quantizerOfRange(0, 0, bits) } as const;
    const observation = {
      observer: observer.name,
      range: undefined,
      oddity: 'empty',
      offset: undefined,
      exactError: undefined,
    } as const;
    return { quantizer, observation };
  }
  const isInput = sources.model.graph.inputs.some((input) => input.name === name);
  const scheme = named(sources.actSchemes, recipe.actScheme);
  // 8 bits are all that a grid has, and what comes from outside is no result of Relu.
  const levels = bits < MAX_BITS && !isInput ? scheme.quantizer(seen, bits) : undefined;
  const quantizer = levels ?? {
    kind: 'affine',
    grid: observer.quantizer(seen, bits, recipe.observerSettings),
  };
  const offset = levels ? undefined : observer.offsetFit?.(seen, bits, recipe.observerSettings);
  const exact =
    offset && recipe.exactOffset && bits < MAX_BITS
      ? exactOffset(offset, seen.distribution(), bits)
      : undefined;
  const oddity = min < max ? undefined : min === 0 ? 'all zero' : 'constant';
  // With many levels the grid of a table can be the coarser of the two.
  const isExact = exact !== undefined && exact.error < (offset?.roundedError ?? 0);
  const exactError = isExact ? exact.error : undefined;
  return {
    quantizer: isExact ? exact.quantizer : quantizer,
    observation: { observer: observer.name, range: { min, max }, oddity, offset, exactError },
  };
}

function planLayer(
  sources: PlanSources,
  layer: QuantizedLayer,
  input: AffineQuantizer | undefined,
): LayerPlan {
  const { graph } = sources.model;
  const { linear, recipe } = layer;
  const { dims } = linear.tensor;
  const values = floatsOf(linear.tensor);
  if (sources.placement.roles.get(linear.node)?.kind === 'blocks') {
    const { scheme, bits } = recipe;
    const request = { values, dims, axis: linear.outputAxis, bits, scheme, ...sources.recipe.blocks };
    return { layer, weight: quantizeBlocks(request), bias: undefined, raisedChannels: 0 };
  }
  const limit = integerLimit(sources.recipe);
  // ConvTranspose shares an axis entry among groups; all that is quantized so far has one scale an output channel.
  const axis = recipe.granularity === 'channel' ? linear.outputAxis : undefined;
  const scales = axis === undefined ? 1 : (dims[axis] ?? 1);
  const accumulator: Accumulator = { terms: values.length / linear.outputChannels, limit };
  const bias = input && biasOf(graph, layer);
  const floor = input ? scaleFloor(bias, input.scale, scales, accumulator) : new Float32Array(scales);

  const scheme = named(sources.schemes, recipe.scheme);
  const weight = scheme.quantize({
    values,
    dims,
    bits: recipe.bits,
    axis,
    channelsPerCodebook: channelsPerCodebook(recipe),
    limit,
    scaleFloor: floor,
  });
  return {
    layer,
    weight,
    bias: bias && input && quantizeBias(bias, input.scale, weight.scales, accumulator),
    raisedChannels: floor.filter((least, c) => least > 0 && weight.scales[c] === least && bias !== undefined)
      .length,
  };
}

/** One scale for the tensor leaves no channels to tell apart: its codebook is one, too. */
function channelsPerCodebook({ granularity, group }: LayerRecipe): number | undefined {
  if (granularity === 'tensor' || group === 'tensor') return undefined;
  return group === 'channel' ? 1 : group;
}

/** Layers that read one weight with the same recipe have one quantized tensor, so that it is written once. */
function sharedWeight(planned: readonly LayerPlan[], { layer, weight }: LayerPlan): LayerPlan['weight'] {
  const twin = planned.find(
    (other) => other.layer.linear.weight === layer.linear.weight && isDeepStrictEqual(other.weight, weight),
  );
  return twin?.weight ?? weight;
}

/** The float bias with one value an output channel, whatever shape it is stored in; undefined without one. */
function biasOf(graph: Graph, layer: QuantizedLayer): Float32Array | undefined {
  const tensor = layer.bias === undefined ? undefined : graph.initializers.get(layer.bias);
  if (!tensor) return undefined;
  const values = floatsOf(tensor);
  const { outputChannels } = layer.linear;
  return values.length === outputChannels
    ? values
    : new Float32Array(outputChannels).fill(values[0] as number);
}

/** Constants that integer arithmetic reads, in uint8 over their whole range. */
function constantOperands(graph: Graph, placement: Placement): Map<string, QuantizedConstant> {
  const constants = new Map<string, QuantizedConstant>();
  for (const [node, role] of placement.roles) {
    if (role.kind !== 'arithmetic' || !ruleOf(node)?.constants) continue;
    for (const name of node.inputs) {
      const tensor = graph.initializers.get(name);
      if (!tensor || elementCount(tensor.dims) === 0) continue;
      const values = floatsOf(tensor);
      const min = values.reduce((least, value) => Math.min(least, value), 0);
      const max = values.reduce((most, value) => Math.max(most, value), 0);
      const quantizer = quantizerOfRange(min, max, MAX_BITS);
      constants.set(name, {
        codes: Uint8Array.from(values, (v) => quantizeValue(v, quantizer)),
        dims: tensor.dims,
        quantizer,
      });
    }
  }
  return constants;
}
