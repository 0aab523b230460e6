import type { LinearLayer } from '../graph/linear-layer.js';
import type { Node } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import type { LayerRecipe } from '../recipe.js';
import type { StorableWeights } from './operators.js';

/** Where a layer stands: nothing with a weight before it, nothing after it. Below 8 bits, both stay at 8. */
export type Position = 'first' | 'last' | 'only' | 'inner';

/** A layer whose weight is quantized. */
export interface QuantizedLayer {
  readonly linear: LinearLayer;
  readonly recipe: LayerRecipe;
  readonly position: Position;
  /** The Add that brings a MatMul's bias; it takes part in the integer kernel. */
  readonly biasAdd: Node | undefined;
  /** Name of the float bias: the layer's own, or that of the Add; undefined where there is none. */
  readonly bias: string | undefined;
}

/** A weight that is stored in few bits, and read by an operator that runs in float. */
export interface StoredWeight {
  readonly name: string;
  readonly tensor: Tensor;
  readonly axis: number;
  readonly form: StorableWeights['form'];
  readonly recipe: LayerRecipe;
}

/** How a node of the quantized model runs. */
export type Role =
  | { readonly kind: 'layer'; readonly layer: QuantizedLayer }
  /** Float arithmetic on a weight that is stored in few bits. */
  | { readonly kind: 'stored'; readonly layer: QuantizedLayer }
  /** Float arithmetic of one operator on a weight that it unpacks itself, block by block. */
  | { readonly kind: 'blocks'; readonly layer: QuantizedLayer }
  /** Integer arithmetic on an input whose range is found at every run. */
  | { readonly kind: 'dynamic'; readonly layer: QuantizedLayer }
  /** A float operator some of whose weights are stored in few bits. */
  | { readonly kind: 'storing'; readonly position: Position; readonly weights: readonly StoredWeight[] }
  | { readonly kind: 'bias'; readonly layer: QuantizedLayer }
  | { readonly kind: 'arithmetic' }
  | { readonly kind: 'codes' }
  | { readonly kind: 'clamp'; readonly form: 'fused' | 'codes' }
  /** Works on shapes, which are integers already. */
  | { readonly kind: 'shape' }
  | { readonly kind: 'float'; readonly reason: string };

/** A value that exists as uint8 codes. */
export interface QuantizedValue {
  readonly name: string;
  /** The value whose parameters it has: itself, or what it was moved from. */
  readonly root: string;
  /** Width of the codes. */
  readonly bits: number;
  /** Whether its maker computes it in integers: then it exists as codes alone, and every reader dequantizes. */
  readonly madeByInteger: boolean;
}

/** What gets quantized, and why the rest does not: the plan less its numbers, so it needs no data. */
export interface Placement {
  readonly roles: ReadonlyMap<Node, Role>;
  readonly layers: readonly QuantizedLayer[];
  /** The value at the end of each layer's fused chain: behind its bias and its clamp. */
  readonly results: ReadonlyMap<Node, string>;
  readonly values: ReadonlyMap<string, QuantizedValue>;
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
 * and its result has parameters of its own.
 */
export function observableValues(widest: Placement): string[] {
  const moved = new Set(
    [...widest.roles].flatMap(([node, role]) => (role.kind === 'codes' ? node.outputs : [])),
  );
  return [...widest.values.keys()].filter((value) => !moved.has(value));
}

/** Every weight that is stored for a float operator, once. */
export function storedWeights(placement: Placement): StoredWeight[] {
  const weights = [...placement.roles.values()].flatMap((role) =>
    role.kind === 'storing' ? role.weights : [],
  );
  return [...new Map(weights.map((weight) => [weight.name, weight])).values()];
}
