import { MAX_BITS, MIN_BITS, type Widths } from '../../recipe.js';
import type { QuantizedTensor } from '../quantized-tensor.js';

/** A weight, and how it is to be quantized. */
export interface WeightRequest {
  /** Row-major. */
  readonly values: Float32Array;
  readonly dims: readonly number[];
  readonly bits: number;
  /** Axis of the output channels where each has its own scale; undefined for one scale. */
  readonly axis: number | undefined;
  /** Consecutive channels along `axis` that share a codebook, where the scheme has one; undefined where all do. */
  readonly channelsPerCodebook: number | undefined;
  /** Largest magnitude of the integers that are stored and multiplied: 127, or 63 with a reduced range. */
  readonly limit: number;
  /**
   * Smallest scale each channel may have, so that its bias fits int32 (it is stored at scale s_x·s_w); one entry a
   * scale.
   */
  readonly scaleFloor: Float32Array;
}

/** Every width that a recipe can name. */
export const anyWidth: Widths = { least: MIN_BITS, most: MAX_BITS };

/** A way to quantize weights. */
export interface Scheme {
  readonly name: string;
  readonly summary: string;
  /** Bits that it can store a weight in; a recipe that asks for others is refused. */
  readonly widths: Widths;
  /** Scales are powers of two: one may only be raised to another. */
  readonly powersOfTwo?: true;
  /** Its levels are free, so that what refines may choose them anew; those of other codebooks have a form of their own. */
  readonly freeLevels?: true;
  quantize(request: WeightRequest): QuantizedTensor;
  /** What int8 cannot hold of the scheme at this width, in a few words for the plan; undefined where it holds all. */
  note?(request: Pick<WeightRequest, 'bits' | 'limit'>): string | undefined;
}
