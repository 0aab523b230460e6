import { flatOf } from '../graph/flat.js';
import { type Graph, inputAt } from '../graph/model.js';
import { whyNoBlocks } from '../place/blocks.js';
import { layerNodes } from '../place/layers.js';
import {
  layerBitsOf,
  type Placement,
  type Position,
  roleOf,
  shapeAt,
  type WeightedNode,
} from '../place/placement.js';
import { weightLimit } from '../quantize/integer-limit.js';
import { schemes } from '../quantize/schemes/schemes.js';
import { blockBitsOf, MAX_BITS, type Recipe } from '../recipe.js';

/** One layer of the plan. */
export interface LayerDescription {
  readonly id: string;
  readonly name: string | null;
  readonly opType: string;
  readonly position: Position | null;
  /** The If, Loop or Scan of the main graph in whose body it stands, as `If "y"`; null in the main graph. */
  readonly inside: string | null;
  readonly weight: string | null;
  readonly dims: readonly number[];
  /** Null where the layer stays float, for the reason given. */
  readonly quantized: {
    readonly bits: number;
    /** The width that was asked for, where it would take no fewer bytes than 8 bits; else null. */
    readonly askedBits: number | null;
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
 * @param raisedChannels - by node id; undefined in a dry run
 */
export function describePlan(
  graph: Graph,
  placement: Placement,
  recipe: Pick<Recipe, 'reduceRange' | 'format' | 'blocks' | 'activations'>,
  raisedChannels?: ReadonlyMap<string, number>,
): PlanDescription {
  // A product of two activations on integers has no weight: it shows by the activations that it reads.
  const { graph: flat, holders } = flatOf(graph);
  const named = layerNodes(graph).filter((node) => roleOf(placement, node)?.kind !== 'arithmetic');
  const layers = named.map((node): LayerDescription => {
    const role = roleOf(placement, node);
    const weighted = role?.kind === 'weighted' ? role.weighted : undefined;
    const site = weighted?.sites[0];
    const [owner] = holders.get(node.id) ?? [];
    return {
      id: node.id,
      name: node.name ?? null,
      opType: node.opType,
      position: weighted?.position ?? null,
      inside: owner ? `${owner.opType} "${owner.id}"` : null,
      weight: site?.weightName ?? inputAt(node, 1) ?? null,
      dims: site ? shapeAt(site) : [],
      quantized: weighted
        ? describeWeighted(weighted, placement, { recipe, raisedChannels: raisedChannels?.get(node.id) })
        : null,
      reason: role?.kind === 'float' ? role.reason : null,
    };
  });
  const isLayer = new Set(layerNodes(graph));
  const float = flat.nodes.flatMap((node): FloatDescription[] => {
    const role = roleOf(placement, node);
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

/** What the description of a node needs beside its place. */
interface WeightedSources {
  readonly recipe: Pick<Recipe, 'reduceRange' | 'format' | 'blocks' | 'activations'>;
  readonly raisedChannels: number | undefined;
}

function describeWeighted(
  weighted: WeightedNode,
  placement: Placement,
  { recipe: whole, raisedChannels }: WeightedSources,
): LayerDescription['quantized'] {
  const { node, recipe, runs, askedBits = null } = weighted;
  const { bits, scheme } = recipe;
  const inBlocks = runs.kind === 'float' && runs.stored === 'blocks';
  const granularity = inBlocks ? `block of ${whole.blocks.size}` : recipe.granularity;
  const note = inBlocks
    ? null
    : (keptNote(weighted, whole) ?? unfitNote(weighted, whole) ?? schemeNote(weighted, whole));
  const inputBits = inputBitsOf(weighted, layerBitsOf(placement, inputAt(node, 0) ?? ''));
  const runsOn = inputBits === null ? 'float' : 'integer';
  const widths = { bits, askedBits, inputBits };
  return { ...widths, scheme, granularity, runs: runsOn, note, raisedChannels: raisedChannels ?? null };
}

function inputBitsOf({ runs }: WeightedNode, placedBits: number | undefined): number | null {
  if (runs.kind === 'float') return null;
  return runs.kind === 'dynamic' ? MAX_BITS : (placedBits ?? null);
}

/** Why only the weights of a layer are quantized, where the recipe asks for more. */
function keptNote({ runs, recipe }: WeightedNode, { activations }: WeightedSources['recipe']): string | null {
  const isAsked = activations.kind !== 'float' && recipe.actBits !== 'float';
  return runs.kind === 'float' && runs.why !== undefined && isAsked ? `weights only: ${runs.why}` : null;
}

/** Why the format does not hold a weight that it could be asked to. */
function unfitNote({ recipe, runs }: WeightedNode, asked: WeightedSources['recipe']): string | null {
  const unfit =
    blockBitsOf(asked.format) && runs.linear ? whyNoBlocks(runs.linear, recipe, asked) : undefined;
  return unfit === undefined ? null : `packed: ${unfit}`;
}

/** What the integers of a weight cannot hold of its scheme. */
function schemeNote(weighted: WeightedNode, recipe: WeightedSources['recipe']): string | null {
  const { scheme, bits } = weighted.recipe;
  const limit = weightLimit(weighted, recipe);
  return schemes.find(({ name }) => name === scheme)?.note?.({ bits, limit }) ?? null;
}
