import {
  type AffineQuantizer,
  quantizerOfRange,
  quantizeValue,
  SMALLEST_NORMAL,
} from '../numerics/affine.js';
import type { BlockTensor } from './quantized-tensor.js';
import { uniformScale } from './schemes/mse.js';

/** A matrix, and how it is to be quantized in blocks. */
export interface BlockRequest {
  /** Row-major. */
  readonly values: Float32Array;
  /** [inputs, outputs], or the other way round. */
  readonly dims: readonly number[];
  /** The axis that the outputs run along. */
  readonly axis: number;
  readonly bits: number;
  /** `minmax` or `mse`. */
  readonly scheme: string;
  /** Weights of an output in a row that share a scale. */
  readonly size: number;
  /** A zero point a block, too. */
  readonly asymmetric: boolean;
}

/**
 * Quantize the weights of each output in blocks along its inputs: codes from 0 to 2^bits − 1, a float32 scale a block.
 *
 * - `minmax`, symmetric: narrow range about the middle code, the scale max|w| / (2^(bits−1) − 1); asymmetric: the range
 *   of the block, widened to hold 0 (Jacob et al. 2018, eq. 1 and §3).
 * - `mse`: all codes, the scale of least squared error (exact, but for its rounding to float32); asymmetric, with the zero
 *   point that a descent from that of `minmax` ends at.
 */
export function quantizeBlocks(request: BlockRequest): BlockTensor {
  const { values, dims, axis, bits, size, asymmetric } = request;
  const outputs = dims[axis] ?? 1;
  const inputs = dims[1 - axis] ?? 1;
  const blocks = Math.ceil(inputs / size);
  const codes = new Uint8Array(outputs * blocks * size);
  const scales = new Float32Array(outputs * blocks);
  const zeroPoints = new Uint8Array(outputs * blocks);
  const column = new Float32Array(inputs);
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      column[input] = values[axis === 0 ? output * inputs + input : input * outputs + output] as number;
    }
    for (let b = 0; b < blocks; b++) {
      const block = output * blocks + b;
      const weights = column.subarray(b * size, (b + 1) * size);
      const quantizer = quantizerOf(weights, request);
      scales[block] = quantizer.scale;
      zeroPoints[block] = quantizer.zeroPoint;
      const start = block * size;
      codes.fill(quantizer.zeroPoint, start, start + size);
      for (let i = 0; i < weights.length; i++)
        codes[start + i] = quantizeValue(weights[i] as number, quantizer);
    }
  }
  const points = asymmetric ? zeroPoints : undefined;
  return { kind: 'blocks', dims, axis, bits, size, codes, scales, zeroPoints: points };
}

function quantizerOf(weights: Float32Array, { bits, scheme, asymmetric }: BlockRequest): AffineQuantizer {
  const middle = 2 ** (bits - 1);
  if (asymmetric) {
    let [min, max] = [0, 0];
    for (const w of weights) [min, max] = [Math.min(min, w), Math.max(max, w)];
    const ranged = quantizerOfRange(min, max, bits);
    return scheme === 'mse' ? leastSquares(weights, ranged) : ranged;
  }
  if (scheme === 'mse') return leastSquaresAt(weights, middle, bits);
  let most = 0;
  for (const w of weights) most = Math.max(most, Math.abs(w));
  const scale = Math.fround(Math.max(most / (middle - 1), SMALLEST_NORMAL));
  return { scale, zeroPoint: middle, low: 1, high: 2 * middle - 1 };
}

/** The scale of least squared error with this zero point. */
function leastSquaresAt(weights: Float32Array, zeroPoint: number, bits: number): AffineQuantizer {
  const high = 2 ** bits - 1;
  const range = { low: -zeroPoint, high: high - zeroPoint };
  const scale = Math.fround(uniformScale(weights, range, SMALLEST_NORMAL));
  return { scale, zeroPoint, low: 0, high };
}

/** From a quantizer on: its scale improved, and its zero point moved by one for as long as that lessens the error. */
function leastSquares(weights: Float32Array, from: AffineQuantizer): AffineQuantizer {
  const { high } = from;
  const bits = Math.log2(high + 1);
  const tryAt = (zeroPoint: number) => {
    const quantizer = leastSquaresAt(weights, zeroPoint, bits);
    return { quantizer, error: squaredError(weights, quantizer) };
  };
  let best = tryAt(from.zeroPoint);
  for (const step of [1, -1]) {
    for (let zeroPoint = from.zeroPoint + step; zeroPoint >= 0 && zeroPoint <= high; zeroPoint += step) {
      const tried = tryAt(zeroPoint);
      if (tried.error >= best.error) break;
      best = tried;
    }
  }
  return best.quantizer;
}

function squaredError(weights: Float32Array, quantizer: AffineQuantizer): number {
  const { scale, zeroPoint } = quantizer;
  let error = 0;
  for (const w of weights) error += (w - scale * (quantizeValue(w, quantizer) - zeroPoint)) ** 2;
  return error;
}
