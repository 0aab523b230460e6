import type { DataType } from '../../graph/data-type.js';
import type { Tensor } from '../../graph/tensor.js';
import type { BlockTensor } from '../../quantize/quantized-tensor.js';

const BYTE_BITS = 8;

/** Numbers of `bits` bits in rows, packed from the lowest bits of each byte on; every row begins with a new byte. */
export function packLowFirst(numbers: Uint8Array, bits: number, rowLength: number): Uint8Array {
  if (bits === BYTE_BITS) return numbers;
  const perByte = BYTE_BITS / bits;
  const rowBytes = Math.ceil(rowLength / perByte);
  const bytes = new Uint8Array((numbers.length / rowLength) * rowBytes);
  numbers.forEach((number, i) => {
    const row = Math.floor(i / rowLength);
    const at = i - row * rowLength;
    const byte = row * rowBytes + Math.floor(at / perByte);
    bytes[byte] = (bytes[byte] as number) | (number << (bits * (at % perByte)));
  });
  return bytes;
}

/** Codes of 4 bits as MatMulBnb4 reads them, the first of two in the higher bits. */
export function packHighFirst(codes: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(codes.length / 2));
  codes.forEach((code, i) => {
    bytes[i >> 1] = (bytes[i >> 1] as number) | (code << (i % 2 === 0 ? 4 : 0));
  });
  return bytes;
}

/** What MatMulNBits reads of a weight. */
export interface PackedBlocks {
  readonly inputs: number;
  readonly outputs: number;
  /** Blocks an output. */
  readonly blocks: number;
  /** [outputs, blocks, size · bits / 8]. */
  readonly codes: Uint8Array;
  /** Rows of whole bytes, one an output; undefined where each zero point is the middle code. */
  readonly zeroPoints: Uint8Array | undefined;
}

/** A weight as MatMulNBits reads it. */
export function packBlocks({ dims, axis, bits, size, codes, zeroPoints }: BlockTensor): PackedBlocks {
  const [inputs, outputs] = [dims[1 - axis] ?? 1, dims[axis] ?? 1];
  const blocks = Math.ceil(inputs / size);
  return {
    inputs,
    outputs,
    blocks,
    codes: packLowFirst(codes, bits, size),
    zeroPoints: zeroPoints && packLowFirst(zeroPoints, bits, blocks),
  };
}

/** What a DequantizeLinear of blocks reads of a weight. */
export interface BlockedTensors {
  /** [inputs, outputs]. */
  readonly codes: Tensor;
  /** [blocks, outputs], as the scales are; undefined where each is 0. */
  readonly zeroPoints: Tensor | undefined;
  /** [blocks, outputs], row-major. */
  readonly scales: Float32Array;
  readonly blocks: number;
}

/**
 * A weight as DequantizeLinear 21 reads it along axis 0: codes about 0 in int4 or int8 where each zero point is the middle
 * code, else unsigned ones. The last block may be cut.
 */
export function blockedTensors({
  dims,
  axis,
  bits,
  size,
  codes,
  scales,
  zeroPoints,
}: BlockTensor): BlockedTensors {
  const [inputs, outputs] = [dims[1 - axis] ?? 1, dims[axis] ?? 1];
  const blocks = Math.ceil(inputs / size);
  const type: DataType = `${zeroPoints ? 'u' : ''}int${bits === BYTE_BITS ? 8 : 4}`;
  const middle = zeroPoints ? 0 : 2 ** (bits - 1);
  // Blocks lie output by output; the file has them input by input.
  const across = <T>(length: number, from: (output: number, at: number) => T): T[] =>
    Array.from({ length: length * outputs }, (_, i) => from(i % outputs, Math.floor(i / outputs)));
  const stored = (numbers: readonly number[], rows: number): Tensor => ({
    dataType: type,
    dims: [rows, outputs],
    storage: {
      kind: 'raw',
      bytes: packLowFirst(
        Uint8Array.from(numbers, (code) => (code - middle) & (2 ** bits - 1)),
        bits,
        numbers.length,
      ),
    },
  });
  return {
    blocks,
    codes: stored(
      across(inputs, (output, input) => {
        const block = output * blocks + Math.floor(input / size);
        return codes[block * size + (input % size)] as number;
      }),
      inputs,
    ),
    scales: Float32Array.from(across(blocks, (output, block) => scales[output * blocks + block] as number)),
    zeroPoints:
      zeroPoints &&
      stored(
        across(blocks, (output, block) => zeroPoints[output * blocks + block] as number),
        blocks,
      ),
  };
}

/** Bytes of a weight in blocks: its codes and zero points, without scales. */
export function blockBytes({ dims, axis, bits, codes, zeroPoints }: BlockTensor): number {
  const outputs = dims[axis] ?? 1;
  const points = zeroPoints ? outputs * Math.ceil(((zeroPoints.length / outputs) * bits) / BYTE_BITS) : 0;
  return (codes.length * bits) / BYTE_BITS + points;
}
