import { eachRun } from '../numerics/nd-array.js';

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

/**
 * A matrix [inputs, outputs] whose columns are cut into blocks of `size` inputs, each with a step of its own:
 * real = scale · (code − zero point), or scale · level[code] where there are levels. The last block of a column may be longer than what is left of it.
 */
export interface BlockTensor {
  readonly kind: 'blocks';
  /** Of the weight as the layer has it: [inputs, outputs], or the other way round. */
  readonly dims: readonly number[];
  /** The axis of `dims` that the outputs run along. */
  readonly axis: number;
  readonly bits: number;
  readonly size: number;
  /** Output by output, block by block, `size` codes each, below 2^bits; zero points where the column has ended. */
  readonly codes: Uint8Array;
  /** Stored float32 steps, > 0, output by output, one a block. */
  readonly scales: Float32Array;
  /** One a block; undefined where each is the middle code, 2^(bits−1). */
  readonly zeroPoints: Uint8Array | undefined;
  /** 2^bits levels of all blocks, without zero points; undefined where the codes are equal steps. */
  readonly levels?: Float32Array | undefined;
}

/** The levels of the codebook that a channel is coded with. */
export function bookOf({ levels, bits, channelsPerCodebook }: CodebookTensor, channel: number): Int8Array {
  const at = channelsPerCodebook === undefined ? 0 : Math.floor(channel / channelsPerCodebook);
  return levels.subarray(at * 2 ** bits, (at + 1) * 2 ** bits);
}

/** The integer that the kernel multiplies with, for each element. */
export function integersOfTensor(tensor: QuantizedTensor): Int8Array {
  if (tensor.kind === 'affine') return tensor.codes;
  const { dims, axis, levels, indices, bits, channelsPerCodebook = Number.POSITIVE_INFINITY } = tensor;
  const integers = new Int8Array(indices.length);
  eachRun(dims, axis, (channel, from, to) => {
    const book = Math.floor(channel / channelsPerCodebook) * 2 ** bits;
    for (let i = from; i < to; i++) integers[i] = levels[book + (indices[i] as number)] as number;
  });
  return integers;
}

/** The float32 values that the stored tensor stands for. */
export function dequantizeTensor(tensor: QuantizedTensor | BlockTensor): Float32Array {
  if (tensor.kind === 'blocks') return dequantizeBlocks(tensor);
  const integers = integersOfTensor(tensor);
  const values = new Float32Array(integers.length);
  eachRun(tensor.dims, tensor.axis, (channel, from, to) => {
    const scale = tensor.scales[channel] as number;
    for (let i = from; i < to; i++) values[i] = (integers[i] as number) * scale;
  });
  return values;
}

function dequantizeBlocks(tensor: BlockTensor): Float32Array {
  const { dims, axis, bits, size, codes, scales, zeroPoints, levels } = tensor;
  const outputs = dims[axis] ?? 1;
  const inputs = dims[1 - axis] ?? 1;
  const blocks = Math.ceil(inputs / size);
  const values = new Float32Array(inputs * outputs);
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      const block = output * blocks + Math.floor(input / size);
      const zeroPoint = zeroPoints ? (zeroPoints[block] as number) : 2 ** (bits - 1);
      const code = codes[block * size + (input % size)] as number;
      const at = axis === 0 ? output * inputs + input : input * outputs + output;
      const level = levels ? (levels[code] as number) : code - zeroPoint;
      values[at] = level * (scales[block] as number);
    }
  }
  return values;
}
