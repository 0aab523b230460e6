import { channelAlong } from '../numerics/nd-array.js';

/** Integer codes with one step for the tensor or for each channel: real = scale · code. Jacob et al. 2018, eq. 1, Z = 0. */
export interface AffineTensor {
  readonly kind: 'affine';
  readonly dims: readonly number[];
  /** Row-major, from −2^(bits−1) (at 8 bits −127) to 2^(bits−1) − 1. */
  readonly codes: Int8Array;
  readonly bits: number;
  /** Axis that the scales run along; undefined where one serves all. */
  readonly axis: number | undefined;
  /** Stored float32 steps, > 0. */
  readonly scales: Float32Array;
}

/** Indices into int8 levels: real = scale · level[index], with one codebook for the tensor or one for some channels. */
export interface CodebookTensor {
  readonly kind: 'codebook';
  readonly dims: readonly number[];
  /** Row-major, below 2^bits. */
  readonly indices: Uint8Array;
  readonly bits: number;
  /** 2^bits levels a codebook, one codebook after the other, on the int8 grid: what is stored is what the kernels multiply with. */
  readonly levels: Int8Array;
  /** Consecutive channels along `axis` that share a codebook, the last ones maybe fewer; undefined where all do. */
  readonly channelsPerCodebook: number | undefined;
  readonly axis: number | undefined;
  readonly scales: Float32Array;
}

/** A weight as it is stored. What emit writes is this, never derived again from floats. */
export type QuantizedTensor = AffineTensor | CodebookTensor;

/** The integer that the kernel multiplies with, for each element. */
export function integersOfTensor(tensor: QuantizedTensor): Int8Array {
  if (tensor.kind === 'affine') return tensor.codes;
  const { levels, indices, bits, channelsPerCodebook } = tensor;
  if (channelsPerCodebook === undefined) return Int8Array.from(indices, (index) => levels[index] as number);
  const channelOf = channelAlong(tensor.dims, tensor.axis);
  const codebookOf = (i: number) => Math.floor(channelOf(i) / channelsPerCodebook);
  return Int8Array.from(indices, (index, i) => levels[codebookOf(i) * 2 ** bits + index] as number);
}

/** The float32 values that the stored tensor stands for. */
export function dequantizeTensor(tensor: QuantizedTensor): Float32Array {
  const channelOf = channelAlong(tensor.dims, tensor.axis);
  const integers = integersOfTensor(tensor);
  return Float32Array.from(integers, (integer, i) => integer * (tensor.scales[channelOf(i)] as number));
}
