import { SMALLEST_NORMAL } from '../numerics/affine.js';
import type { BlockTensor } from './quantized-tensor.js';

/**
 * The 16 levels of NF4 (Dettmers et al. 2023, QLoRA, §3 and appendix E): quantiles of a normal distribution within ±1, 0 among
 * them; as bitsandbytes has them, and MatMulBnb4 multiplies with.
 */
export const normalFloat4: Float32Array = Float32Array.of(
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453],
  ...[-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0],
  ...[0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
);

/** A matrix, and how it is to be cut. */
export interface NormalRequest {
  /** Row-major. */
  readonly values: Float32Array;
  /** [inputs, outputs], or the other way round. */
  readonly dims: readonly number[];
  /** The axis that the outputs run along. */
  readonly axis: number;
  /** Weights of an output in a row that share a scale; a divisor of the inputs. */
  readonly size: number;
}

/** Quantize the weights of each output in blocks along its inputs: the scale is max|w|, each code the nearest level of NF4. */
export function quantizeNormal({ values, dims, axis, size }: NormalRequest): BlockTensor {
  const [inputs, outputs] = [dims[1 - axis] ?? 1, dims[axis] ?? 1];
  const codes = new Uint8Array(inputs * outputs);
  const scales = new Float32Array((inputs / size) * outputs);
  const at = (i: number) => {
    const [output, input] = [Math.floor(i / inputs), i % inputs];
    return values[axis === 0 ? i : input * outputs + output] as number;
  };
  for (let block = 0; block < scales.length; block++) {
    const [from, to] = [block * size, (block + 1) * size];
    let most = SMALLEST_NORMAL;
    for (let i = from; i < to; i++) most = Math.max(most, Math.abs(at(i)));
    scales[block] = most;
    for (let i = from; i < to; i++) codes[i] = nearest(at(i) / most);
  }
  const levels = normalFloat4;
  return { kind: 'blocks', dims, axis, bits: 4, size, codes, scales, zeroPoints: undefined, levels };
}

/** The level nearest to a value within ±1, of two the lower one. */
function nearest(value: number): number {
  let code = 0;
  while (code + 1 < normalFloat4.length && value > middleAbove(code)) code++;
  return code;
}

const middleAbove = (code: number): number =>
  ((normalFloat4[code] as number) + (normalFloat4[code + 1] as number)) / 2;
