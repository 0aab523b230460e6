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

/** Bytes of a weight in blocks: its codes and zero points, without scales. */
export function blockBytes({ dims, axis, bits, codes, zeroPoints }: BlockTensor): number {
  const outputs = dims[axis] ?? 1;
  const points = zeroPoints ? outputs * Math.ceil(((zeroPoints.length / outputs) * bits) / BYTE_BITS) : 0;
  return (codes.length * bits) / BYTE_BITS + points;
}
