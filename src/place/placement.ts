import { flatOf } from '../graph/flat.js';
import type { LinearLayer } from '../graph/linear-layer.js';
import type { Graph, Model, Node } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import { type LayerRecipe, MAX_BITS, type Recipe, recipeFor } from '../recipe.js';
import { joinTakenApart } from './parts.js';

/** Where a layer stands: nothing with a weight before it, nothing after it. Below 8 bits, both stay at 8. */
export type Position = 'first' | 'last' | 'only' | 'inner';

/** A weight of a node that is quantized. */
export interface WeightSite {
  /** What the plan keys it by: the node's id and the input, `conv1_out#1`. */
  readonly id: string;
  readonly input: number;
  /** Name of the initializer. */
  readonly weightName: string;
  readonly weight: Tensor;
  /** Axis of the output channels, that scales run along. */
  readonly axis: number;
  /** The constant's own shape, where `weight` has another, which has an axis of channels. */
  readonly shape?: readonly number[];
}

/** The shape in which a node reads a weight. */
export const shapeAt = ({ shape, weight }: WeightSite): readonly number[] => shape ?? weight.dims;

/**
 * How a node with quantized weights runs.
 *
 * - `integer`: on uint8 activations, its bias in int32; `biasAdd` is the Add that brings a MatMul's bias, and takes part
 *   in the kernel.
 * - `dynamic`: on integers, the range of its input found at every run.
 * - `float`: on floats; its weights are stored in few bits: as a `constant` that is made float at load, in `rows` of which
 *   only those that are looked up are made float, or in `blocks` that the operator unpacks itself. `linear` where the node
 *   is a linear layer.
 */
export type Runs =
  | { readonly kind: 'integer'; readonly linear: LinearLayer; readonly biasAdd: Node | undefined }
  | { readonly kind: 'dynamic'; readonly linear: LinearLayer }
  | {
      readonly kind: 'float';
      readonly stored: 'constant' | 'rows' | 'blocks';
      readonly linear: LinearLayer | undefined;
      /** Why it does not run on integers, where the recipe asks for that. */
      readonly why?: string | undefined;
    };

/** A node some of whose weights are quantized. */
export interface WeightedNode {
  readonly node: Node;
  readonly sites: readonly [WeightSite, ...WeightSite[]];
  readonly recipe: LayerRecipe;
  /** The width that was asked for, where it would take no fewer bytes than the 8 bits that the layer keeps. */
  readonly askedBits?: number | undefined;
  readonly position: Position;
  /** Name of the float bias: the node's own, or that of the Add; undefined where there is none. */
  readonly bias: string | undefined;
  readonly runs: Runs;
  /** The value at the end of the fused chain: behind its bias and its clamp. */
  readonly result: string;
  /** The If, Loop or Scan of the main graph in whose body it stands; undefined in the main graph. */
  readonly owner: Node | undefined;
}

/** How a node of the quantized model runs. */
export type Role =
  | { readonly kind: 'weighted'; readonly weighted: WeightedNode }
  /** Brings the bias of a MatMul that runs on integers. */
  | { readonly kind: 'bias'; readonly weighted: WeightedNode }
  | { readonly kind: 'arithmetic' }
  | { readonly kind: 'codes' }
  | { readonly kind: 'clamp'; readonly form: 'fused' | 'codes' }
  /** Works on shapes, which are integers already. */
  | { readonly kind: 'shape' }
  | { readonly kind: 'float'; readonly reason: string };

/** Whether the results of a role exist as codes. */
export function isInteger(role: Role): boolean {
  if (role.kind === 'weighted') return role.weighted.runs.kind === 'integer';
  return role.kind !== 'shape' && role.kind !== 'float';
}

/** A value that exists as uint8 codes. */
export interface QuantizedValue {
  readonly name: string;
  /** The value whose parameters it has: itself, or what it was moved from. */
  readonly root: string;
  /** Width of the codes. */
  readonly bits: number;
  /** Narrower codes that layers read beside them, where arithmetic or the outside reads the value, too; else undefined. */
  readonly layerBits: number | undefined;
  /** Whether its maker computes it in integers: then it exists as codes alone, and every reader dequantizes. */
  readonly madeByInteger: boolean;
}

/** What gets quantized, and why the rest does not: the plan less its numbers, so it needs no data. */
export interface Placement {
  /** By node id. */
  readonly roles: ReadonlyMap<string, Role>;
  /** Every node with quantized weights, in the order of the graph, those of a body before the node that it belongs to. */
  readonly weighted: readonly WeightedNode[];
  readonly values: ReadonlyMap<string, QuantizedValue>;
}

/** A folded model and what a recipe makes of it: what every step up to the plan stands on. */
export interface PlacedModel {
  readonly model: Model;
  /** Its file, for messages. */
  readonly path: string;
  readonly recipe: Recipe;
  readonly placement: Placement;
}

/** The values that calibration must observe: those with parameters of their own. */
export function observedValues(placement: Placement): string[] {
  return [...placement.values.values()]
    .filter((value) => value.root === value.name)
    .map((value) => value.name);
}

/**
 * The values that some recipe could have observed, from the placement of the recipe that keeps nothing in float: all that
 * exist as codes there, less those that are only moved, whose parameters are always those of what they were moved from.
 * What a clamp makes of codes is among them: where a recipe keeps the layers before it in float, it computes in float too,
 * and its result has parameters of its own. So has what is taken out of a Concat, where that stays float.
 */
export function observableValues(graph: Graph, widest: Placement): string[] {
  const { graph: flat, uses } = flatOf(graph);
  const moved = new Set(
    flat.nodes.flatMap((node) => {
      const isMoved = roleOf(widest, node)?.kind === 'codes' && !joinTakenApart(node, uses);
      return isMoved ? node.outputs : [];
    }),
  );
  return [...widest.values.keys()].filter((value) => !moved.has(value));
}

const LAYER_KEY = '#layer';

/** What the plan keys the quantizer of a value by that layers read: its root, or a name of its own for narrower codes. */
export function layerKeyOf({ root, layerBits }: Pick<QuantizedValue, 'root' | 'layerBits'>): string {
  return layerBits === undefined ? root : root + LAYER_KEY;
}

/** What the plan keys its quantizers of activations by. */
export function quantizerKeys(placement: Placement): string[] {
  return observedValues(placement).flatMap((name) => {
    const placed = placement.values.get(name);
    return placed?.layerBits === undefined ? [name] : [name, layerKeyOf(placed)];
  });
}

/** Width of the codes of a quantizer, by what the plan keys it by; undefined for a key of another placement. */
export function bitsOfKey({ values }: Pick<Placement, 'values'>, key: string): number | undefined {
  const own = values.get(key);
  if (own) return own.bits;
  return key.endsWith(LAYER_KEY) ? values.get(key.slice(0, -LAYER_KEY.length))?.layerBits : undefined;
}

/** Width of the codes that a layer reads of a value; undefined where it reads floats. */
export function layerBitsOf({ values }: Pick<Placement, 'values'>, value: string): number | undefined {
  const placed = values.get(value);
  return placed?.layerBits ?? placed?.bits;
}

/** The role of a node. */
export function roleOf(placement: Pick<Placement, 'roles'>, node: Node): Role | undefined {
  return placement.roles.get(node.id);
}

/** What is quantized of a node; undefined where it has no quantized weight. */
export function weightedNode(placement: Pick<Placement, 'roles'>, id: string): WeightedNode | undefined {
  const role = placement.roles.get(id);
  return role?.kind === 'weighted' ? role.weighted : undefined;
}

/** The input that a node with quantized weights computes with: the first one that is no weight. */
export function inputOf({ node, sites }: WeightedNode): string {
  const weights = new Set(sites.map(({ input }) => input));
  return node.inputs.find((value, index) => value && !weights.has(index)) ?? '';
}

/** A placement with one weighted node alone: the plan made of it has the same numbers for that node, and no others to find. */
export function onlyNode(placement: Placement, id: string): Placement {
  const isOther = (role: Role) =>
    (role.kind === 'weighted' || role.kind === 'bias') && role.weighted.node.id !== id;
  const roles = new Map([...placement.roles].filter(([, role]) => !isOther(role)));
  const weighted = placement.weighted.filter(({ node }) => node.id === id);
  return { ...placement, roles, weighted };
}

/** The same placement with some nodes' weights at 8 bits, by the scheme that the recipe has for them there. */
export function atEightBits(placement: Placement, ids: ReadonlySet<string>, whole: Recipe): Placement {
  if (ids.size === 0) return placement;
  const atWidth = ({ node, recipe, position }: WeightedNode): LayerRecipe => {
    const rules = [...whole.rules, { pattern: node.id, bits: MAX_BITS }];
    const { scheme } = recipeFor(
      { ...whole, rules },
      { id: node.id, name: node.name, position },
      position !== 'inner',
    );
    return { ...recipe, bits: MAX_BITS, scheme };
  };
  const widened = new Map(
    placement.weighted.map((each): [WeightedNode, WeightedNode] => {
      if (!ids.has(each.node.id)) return [each, each];
      return [each, { ...each, askedBits: each.recipe.bits, recipe: atWidth(each) }];
    }),
  );
  const wideRole = (role: Role): Role =>
    role.kind === 'weighted' || role.kind === 'bias'
      ? { ...role, weighted: widened.get(role.weighted) ?? role.weighted }
      : role;
  const roles = new Map([...placement.roles].map(([id, role]) => [id, wideRole(role)]));
  return { ...placement, roles, weighted: [...widened.values()] };
}
