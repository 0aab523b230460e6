import { LARGEST_FLOAT, SMALLEST_NORMAL } from '../../numerics/affine.js';
import { clamp, roundHalfEven } from '../../numerics/round.js';
import type { AffineTensor } from '../quantized-tensor.js';
import { joinChannels, splitChannels } from './channels.js';
import type { WeightRequest } from './scheme.js';

/** The codes of a uniform quantizer, both ends included. */
export interface CodeRange {
  /** Negative. */
  readonly low: number;
  readonly high: number;
}

/**
 * −2^(bits−1) … 2^(bits−1) − 1, less what goes beyond the limit: at 8 bits −128 does (products of int8 codes without it
 * fit NEON's accumulation). The level more is what 2 bits need most: narrow range would leave them 3.
 */
export function fullRange({ bits, limit }: Pick<WeightRequest, 'bits' | 'limit'>): CodeRange {
  return { low: -Math.min(2 ** (bits - 1), limit), high: Math.min(2 ** (bits - 1) - 1, limit) };
}

/**
 * Uniform codes of the full range, with a scale chosen for each channel.
 *
 * @param scaleOf - the scale for the weights of one channel; it is rounded to float32, and raised where it is below the
 *   smallest one
 */
export function quantizeUniform(
  request: WeightRequest,
  scaleOf: (weights: Float32Array, range: CodeRange, least: number) => number,
): AffineTensor {
  const { values, dims, bits, axis } = request;
  const range = fullRange(request);
  const channels = splitChannels(request);
  const scales = new Float32Array(channels.length);
  const codes = channels.map((weights, c) => {
    const least = Math.max(request.scaleFloor[c] as number, SMALLEST_NORMAL);
    const scale = Math.fround(Math.min(Math.max(scaleOf(weights, range, least), least), LARGEST_FLOAT));
    scales[c] = scale;
    return codesOf(weights, scale, range);
  });
  return {
    kind: 'affine',
    dims,
    codes: joinChannels(codes, request, new Int8Array(values.length)),
    bits,
    axis,
    scales,
  };
}

/** The code of a weight, as QuantizeLinear computes it with zero point 0. */
export function codeOf(weight: number, scale: number, { low, high }: CodeRange): number {
  return clamp(roundHalfEven(Math.fround(weight / scale)), low, high);
}

/** The codes of weights at one scale. */
export function codesOf(weights: Float32Array, scale: number, range: CodeRange): Int8Array {
  const codes = new Int8Array(weights.length);
  fillCodes(weights, scale, range, codes, 0, weights.length);
  return codes;
}

/** The same, of a part of some weights, into the same part of their codes. */
export function fillCodes(
  weights: Float32Array,
  scale: number,
  { low, high }: CodeRange,
  codes: Int8Array,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const steps = Math.fround((weights[i] as number) / scale);
    codes[i] = steps < low ? low : steps > high ? high : roundHalfEven(steps);
  }
}

/** Squared error of weights at a scale. */
export function squaredError(weights: Float32Array, scale: number, range: CodeRange): number {
  let error = 0;
  for (const w of weights) error += (w - scale * codeOf(w, scale, range)) ** 2;
  return error;
}
