import type { OffsetFit } from '../../calibration/observers/observer.js';
import type { Node } from '../graph/model.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import type { AffineQuantizer } from '../numerics/affine.js';
import type { Placement, QuantizedLayer } from '../place/placement.js';
import type { Recipe } from '../recipe.js';
import type { BlockTensor, QuantizedTensor } from './quantized-tensor.js';

/** A bias in int32 at scale s_x·s_w, zero point 0 (Jacob et al. 2018, §2.4). */
export interface QuantizedBias {
  readonly values: Int32Array;
  /** fround(s_x·s_w), one a channel, or one. */
  readonly scales: Float32Array;
}

/** One layer, with its numbers. */
export interface LayerPlan {
  readonly layer: QuantizedLayer;
  /** In blocks where the placement says so. */
  readonly weight: QuantizedTensor | BlockTensor;
  /** Undefined without a bias, and where activations stay in float: the bias stays as it is. */
  readonly bias: QuantizedBias | undefined;
  /** Channels whose scale had to be raised, so that their bias fits int32. */
  readonly raisedChannels: number;
}

/** A constant operand of integer arithmetic, in uint8. */
export interface QuantizedConstant {
  readonly codes: Uint8Array;
  readonly dims: readonly number[];
  readonly quantizer: AffineQuantizer;
}

/** How an activation's quantizer came about. */
export interface Observation {
  /** The observer that chose it, a name of the registry. */
  readonly observer: string;
  /** Finite range on the samples; undefined where there was no element. */
  readonly range: { readonly min: number; readonly max: number } | undefined;
  /** What is odd about the values, where something is. */
  readonly oddity: 'empty' | 'all zero' | 'constant' | undefined;
  /** With a real offset, and what the integer zero point costs; undefined where the observer has none to lose. */
  readonly offset: OffsetFit | undefined;
  /** Mean squared error where a table keeps that offset; undefined where it is rounded to the zero point. */
  readonly exactError: number | undefined;
}

/** Every number that the quantized model is written from. Frozen: refiners make a new one. */
export interface Plan {
  readonly recipe: Recipe;
  readonly placement: Placement;
  readonly layers: ReadonlyMap<Node, LayerPlan>;
  /** Weights that float operators read, by name. */
  readonly stored: ReadonlyMap<string, QuantizedTensor>;
  /** Quantizers of the activations, by the root value that they were chosen for. */
  readonly activations: ReadonlyMap<string, ActivationQuantizer>;
  /** Where each of them is from, by the same names. */
  readonly observations: ReadonlyMap<string, Observation>;
  /** Constant operands of integer arithmetic, by name. */
  readonly constants: ReadonlyMap<string, QuantizedConstant>;
}

/** A plan without its weights, which take much memory: what a report shows. */
export interface ReportedPlan extends Pick<Plan, 'recipe' | 'placement' | 'activations' | 'observations'> {
  readonly layers: ReadonlyMap<Node, LayerNumbers>;
  readonly weightBytes: StoredBytes;
}

/** Bytes of the weights' codes and levels: as stored, and as packed as can be. */
export interface StoredBytes {
  readonly stored: number;
  readonly packed: number;
}

/** Of a layer's plan, what a report shows. */
export type LayerNumbers = Pick<LayerPlan, 'raisedChannels'>;

/** What a report shows of a plan; the weights can go. */
export function reportedPlan(plan: Plan, weightBytes: StoredBytes): ReportedPlan {
  const { recipe, placement, activations, observations } = plan;
  const numbers = [...plan.layers].map(([node, { raisedChannels }]) => [node, { raisedChannels }] as const);
  return { recipe, placement, activations, observations, layers: new Map(numbers), weightBytes };
}

/** The quantizer of a quantized value: that of its root. */
export function quantizerOf(
  plan: Pick<Plan, 'placement' | 'activations'>,
  value: string,
): ActivationQuantizer | undefined {
  const root = plan.placement.values.get(value)?.root;
  return root === undefined ? undefined : plan.activations.get(root);
}

/**
 * The weight of a layer that runs on int8 integers or on floats made of them.
 *
 * @throws Error for one in blocks
 */
export function integerWeight({ weight, layer }: LayerPlan): QuantizedTensor {
  if (weight.kind === 'blocks') throw new Error(`${layer.linear.weight} is in blocks`);
  return weight;
}
