import type { Node } from '../graph/model.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import type { AffineQuantizer } from '../numerics/affine.js';
import type { Placement, QuantizedLayer } from '../place/placement.js';
import type { Recipe } from '../recipe.js';
import type { QuantizedTensor } from './quantized-tensor.js';

/** A bias in int32 at scale s_x·s_w, zero point 0 (Jacob et al. 2018, §2.4). */
export interface QuantizedBias {
  readonly values: Int32Array;
  /** fround(s_x·s_w), one a channel, or one. */
  readonly scales: Float32Array;
}

/** One layer, with its numbers. */
export interface LayerPlan {
  readonly layer: QuantizedLayer;
  readonly weight: QuantizedTensor;
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

/** Every number that the quantized model is written from. Frozen: refiners make a new one. */
export interface Plan {
  readonly recipe: Recipe;
  readonly placement: Placement;
  readonly layers: ReadonlyMap<Node, LayerPlan>;
  /** Weights that float operators read, by name. */
  readonly stored: ReadonlyMap<string, QuantizedTensor>;
  /** Quantizers of the activations, by the root value that they were chosen for. */
  readonly activations: ReadonlyMap<string, ActivationQuantizer>;
  /** Constant operands of integer arithmetic, by name. */
  readonly constants: ReadonlyMap<string, QuantizedConstant>;
}

/** The quantizer of a quantized value: that of its root. */
export function quantizerOf(plan: Plan, value: string): ActivationQuantizer | undefined {
  const root = plan.placement.values.get(value)?.root;
  return root === undefined ? undefined : plan.activations.get(root);
}
