import { channelAlong } from '../numerics/nd-array.js';

/** Integer codes with one step for the tensor or for each channel: real = scale · code. Jacob et al. 2018, eq. 1, Z = 0. */
export interface AffineTensor {
  readonly kind: 'affine';
  readonly dims: readonly number[];
  /** Row-major, within ±(2^(bits−1) − 1). */
  readonly codes: Int8Array;
  readonly bits: number;
  /** Axis that the scales run along; undefined where one serves all. */
  readonly axis: number | undefined;
  /** Stored float32 steps, > 0. */
  readonly scales: Float32Array;
}

/** Indices into int8 levels, one codebook for the tensor: real = scale · level[index]. */
export interface CodebookTensor {
  readonly kind: 'codebook';
  readonly dims: readonly number[];
  /** Row-major, below 2^bits. */
  readonly indices: Uint8Array;
  readonly bits: number;
  /** 2^bits levels on the int8 grid: what is stored is what the kernels multiply with. */
  readonly levels: Int8Array;
  readonly axis: number | undefined;
  readonly scales: Float32Array;
}

/** A weight as it is stored. What emit writes is this, never derived again from floats. */
export type QuantizedTensor = AffineTensor | CodebookTensor;

/** The integer that the kernel multiplies with, for each element. */
export function integersOfTensor(tensor: QuantizedTensor): Int8Array {
  if (tensor.kind === 'affine') return tensor.codes;
  return Int8Array.from(tensor.indices, (index) => tensor.levels[index] as number);
}

/** The float32 values that the stored tensor stands for. */
export function dequantizeTensor(tensor: QuantizedTensor): Float32Array {
  const channelOf = channelAlong(tensor.dims, tensor.axis);
  const integers = integersOfTensor(tensor);
  return Float32Array.from(integers, (integer, i) => integer * (tensor.scales[channelOf(i)] as number));
}
