import { type Graph, inputAt, type Node } from '../graph/model.js';
import { whyNoBlocks } from '../place/blocks.js';
import { layerNodes } from '../place/place.js';
import type { Placement, Position, QuantizedLayer, Role } from '../place/placement.js';
import { integerLimit, STORED_LIMIT } from '../quantize/integer-limit.js';
import type { LayerNumbers } from '../quantize/plan.js';
import { schemes } from '../quantize/schemes/schemes.js';
import { type LayerRecipe, MAX_BITS, type Recipe } from '../recipe.js';

/** One layer of the plan. */
export interface LayerDescription {
  readonly id: string;
  readonly name: string | null;
  readonly opType: string;
  readonly position: Position | null;
  readonly weight: string | null;
  readonly dims: readonly number[];
  /** Null where the layer stays float, for the reason given. */
  readonly quantized: {
    readonly bits: number;
    readonly scheme: string;
    readonly granularity: string;
    /** Width of the input activation; null where it stays float. */
    readonly inputBits: number | null;
    /** `float` where the weight is only stored in few bits. */
    readonly runs: 'integer' | 'float';
    /** What int8 cannot hold of the scheme at this width, or why the format does not hold the weight; null without either. */
    readonly note: string | null;
    /** Channels whose scale was raised, so that their bias fits int32; null in a plan without numbers. */
    readonly raisedChannels: number | null;
  } | null;
  readonly reason: string | null;
}

/** One activation that exists as integers. */
export interface ActivationDescription {
  readonly name: string;
  readonly bits: number;
  /** The value whose scale and zero point it shares; its own name where it has its own. */
  readonly parametersOf: string;
}

/** One operator that stays float, its result with it, and why. */
export interface FloatDescription {
  readonly id: string;
  readonly opType: string;
  readonly reason: string;
}

/** The whole plan, less its numbers. */
export interface PlanDescription {
  readonly layers: readonly LayerDescription[];
  readonly activations: readonly ActivationDescription[];
  readonly float: readonly FloatDescription[];
}

/**
 * Put a placement into words: what is quantized how, and the reason for everything that is not.
 *
 * @param numbers - the numbers of each layer; undefined in a dry run
 */
export function describePlan(
  graph: Graph,
  placement: Placement,
  recipe: Pick<Recipe, 'reduceRange' | 'format' | 'blocks'>,
  numbers?: ReadonlyMap<Node, LayerNumbers>,
): PlanDescription {
  const byNode = new Map(placement.layers.map((layer) => [layer.linear.node, layer]));
  // A product of two activations on integers has no weight: it shows by the activations that it reads.
  const named = layerNodes(graph).filter((node) => placement.roles.get(node)?.kind !== 'arithmetic');
  const layers = named.map((node): LayerDescription => {
    const layer = byNode.get(node);
    const role = placement.roles.get(node);
    if (role?.kind === 'storing') return describeStoring(node, role);
    return {
      id: node.id,
      name: node.name ?? null,
      opType: node.opType,
      position: layer?.position ?? null,
      weight: layer?.linear.weight ?? inputAt(node, 1) ?? null,
      dims: layer?.linear.tensor.dims ?? [],
      quantized: layer ? describeLayer(layer, placement, { recipe, numbers: numbers?.get(node) }) : null,
      reason: role?.kind === 'float' ? role.reason : null,
    };
  });
  const isLayer = new Set(layerNodes(graph));
  const float = graph.nodes.flatMap((node): FloatDescription[] => {
    const role = placement.roles.get(node);
    if (role?.kind !== 'float' || isLayer.has(node)) return [];
    return [{ id: node.id, opType: node.opType, reason: role.reason }];
  });
  const activations = [...placement.values.values()].map(({ name, bits, root }) => ({
    name,
    bits,
    parametersOf: root,
  }));
  return { layers, activations, float };
}

/** What a layer's description needs beside its place. */
interface LayerSources {
  readonly recipe: Pick<Recipe, 'reduceRange' | 'format' | 'blocks'>;
  readonly numbers: LayerNumbers | undefined;
}

function describeLayer(
  { linear, recipe }: QuantizedLayer,
  placement: Placement,
  { recipe: whole, numbers }: LayerSources,
): LayerDescription['quantized'] {
  const { bits, scheme } = recipe;
  const kind = placement.roles.get(linear.node)?.kind;
  const inBlocks = kind === 'blocks';
  const granularity = inBlocks ? `block of ${whole.blocks.size}` : recipe.granularity;
  const unfit = whole.format === 'matmulnbits' ? whyNoBlocks(linear, recipe) : undefined;
  const note = unfit ? `packed: ${unfit}` : inBlocks ? null : noteOf(recipe, integerLimit(whole));
  const inputBits =
    kind === 'dynamic' ? MAX_BITS : (placement.values.get(inputAt(linear.node, 0) ?? '')?.bits ?? null);
  const runs = inputBits === null ? 'float' : 'integer';
  const raisedChannels = numbers?.raisedChannels ?? null;
  return { bits, scheme, granularity, inputBits, runs, note, raisedChannels };
}

function noteOf({ scheme, bits }: LayerRecipe, limit: number): string | null {
  return schemes.find(({ name }) => name === scheme)?.note?.({ bits, limit }) ?? null;
}

function describeStoring(
  node: Node,
  { position, weights }: Extract<Role, { kind: 'storing' }>,
): LayerDescription {
  const [first] = weights;
  if (!first) throw new Error(`${node.id} stores nothing`);
  const { bits, scheme, granularity } = first.recipe;
  return {
    id: node.id,
    name: node.name ?? null,
    opType: node.opType,
    position,
    weight: first.name,
    dims: first.tensor.dims,
    quantized: {
      bits,
      scheme,
      granularity,
      inputBits: null,
      runs: 'float',
      note: noteOf(first.recipe, STORED_LIMIT),
      raisedChannels: null,
    },
    reason: null,
  };
}
