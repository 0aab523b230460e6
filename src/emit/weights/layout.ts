import { elementCount } from '../../numerics/nd-array.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';

/**
 * How codes are packed: `codes` of them, of `slot` bits each, make a word of `codes`·`slot` bits, the first code in its
 * highest bits. A table has a row for each word, so one look-up gives all its codes.
 */
export interface Layout {
  readonly slot: number;
  readonly codes: number;
}

/** Bits of a word that are stored as a byte of their own: the lowest ones. */
export const BYTE_BITS = 8;

/** Words of one byte: 2-bit slots for 2 bits, 4-bit slots for 3 and 4. */
export function byteLayout(bits: number): Layout {
  return bits <= 2 ? { slot: 2, codes: 4 } : { slot: 4, codes: 2 };
}

/**
 * Words of 10 to 14 bits, for the widths that do not divide a byte: as few codes as fill a byte, with slots of an even
 * number of bits above it (2 or 4 divide a byte again).
 */
export const wordLayouts: Readonly<Record<number, Layout>> = {
  3: { slot: 3, codes: 4 },
  5: { slot: 5, codes: 2 },
  6: { slot: 6, codes: 2 },
  7: { slot: 7, codes: 2 },
};

/** That of a width that has words. */
export function wordLayoutOf({ bits }: QuantizedTensor): Layout {
  const layout = wordLayouts[bits];
  if (!layout) throw new Error(`${bits} bits are not packed in words`);
  return layout;
}

/** Bytes that words save over the next form: 4 bits a code for 3, 8 for the rest. */
export function savedByWords(tensor: QuantizedTensor, layout: Layout): number {
  const next = tensor.bits < 4 ? packedBytes(tensor, byteLayout(tensor.bits)) : elementCount(tensor.dims);
  return next - packedBytes(tensor, layout);
}

/** A part of the words' bits, packed by itself. */
export interface Stream {
  /** 8 is a byte a word; 4 and 2 are two and four words a byte. */
  readonly bits: number;
  /** Its place in the word. */
  readonly shift: number;
}

/** The streams that the words are stored in: the lowest 8 bits, then 4 or 2 at a time. */
export function streamsOf({ slot, codes }: Layout): readonly Stream[] {
  const streams: Stream[] = [{ bits: BYTE_BITS, shift: 0 }];
  for (let shift = BYTE_BITS; shift < slot * codes; ) {
    const bits = slot * codes - shift >= 4 ? 4 : 2;
    streams.push({ bits, shift });
    shift += bits;
  }
  return streams;
}

/** The codes of a weight in the order that they are stored in: rows of whole words, each row of one codebook. */
export interface Rows {
  readonly count: number;
  /** Codes a row that are in use; the rest of its last words is 0. */
  readonly used: number;
  /** Words a row. */
  readonly words: number;
  /** Rows that share a codebook; Infinity where all do. */
  readonly rowsPerCodebook: number;
  readonly codebooks: number;
}

/** One row for a single codebook, a row for each channel where there are several. */
export function rowsOf(tensor: QuantizedTensor, layout: Layout): Rows {
  const several = channelsPerCodebookOf(tensor);
  const count = several === undefined ? 1 : (tensor.dims[tensor.axis ?? 0] ?? 1);
  const used = elementCount(tensor.dims) / count;
  // Every stream ends a row with a whole byte.
  const unit = Math.max(...streamsOf(layout).map(({ bits }) => BYTE_BITS / bits));
  return {
    count,
    used,
    words: unit * Math.ceil(used / layout.codes / unit),
    rowsPerCodebook: several ?? Number.POSITIVE_INFINITY,
    codebooks: several === undefined ? 1 : Math.ceil(count / several),
  };
}

/** Whether codes fill their rows, so that nothing must be cut off. */
export const isFull = ({ used, words }: Rows, { codes }: Layout): boolean => words * codes === used;

/** Bytes of a packed weight in the file: its words and its levels. */
export function packedBytes(tensor: QuantizedTensor, layout: Layout): number {
  const { count, words, codebooks } = rowsOf(tensor, layout);
  const levels = tensor.kind === 'codebook' ? codebooks * 2 ** tensor.bits : 0;
  return Math.ceil((count * words * layout.slot * layout.codes) / BYTE_BITS) + levels;
}

function channelsPerCodebookOf(tensor: QuantizedTensor): number | undefined {
  return tensor.kind === 'codebook' && tensor.axis !== undefined ? tensor.channelsPerCodebook : undefined;
}

/** The order of axes that puts a tensor's channels first; undefined where they are, or where the order does not matter. */
export function channelsFirst(tensor: QuantizedTensor): number[] | undefined {
  const { axis } = tensor;
  if (channelsPerCodebookOf(tensor) === undefined || !axis) return undefined;
  return [axis, ...tensor.dims.map((_, at) => at).filter((at) => at !== axis)];
}

/** The words of a weight, row by row. */
export function wordsOf(tensor: QuantizedTensor, layout: Layout, rows: Rows): Uint32Array {
  const { slot, codes } = layout;
  const slots = slotsOf(tensor, slot);
  const perm = channelsFirst(tensor);
  const ordered = perm ? transposed(slots, tensor.dims, perm[0] as number) : slots;
  const words = new Uint32Array(rows.count * rows.words);
  ordered.forEach((value, i) => {
    const row = Math.floor(i / rows.used);
    const at = i - row * rows.used;
    const word = row * rows.words + Math.floor(at / codes);
    words[word] = (words[word] as number) | (value << (slot * (codes - 1 - (at % codes))));
  });
  return words;
}

/** The bytes of one stream: 8 / bits words a byte, the first in the highest bits. */
export function packStream(words: Uint32Array, { bits, shift }: Stream): Uint8Array {
  const perByte = BYTE_BITS / bits;
  const bytes = new Uint8Array(Math.ceil(words.length / perByte));
  words.forEach((word, i) => {
    const at = Math.floor(i / perByte);
    const value = (word >> shift) & (2 ** bits - 1);
    bytes[at] = (bytes[at] as number) | (value << (BYTE_BITS - bits * ((i % perByte) + 1)));
  });
  return bytes;
}

/** Slot contents: two's complement for uniform codes, the index for codebooks. */
function slotsOf(tensor: QuantizedTensor, slot: number): Uint8Array {
  const mask = 2 ** slot - 1;
  return tensor.kind === 'affine' ? Uint8Array.from(tensor.codes, (code) => code & mask) : tensor.indices;
}

/** The elements with one axis moved to the front. */
function transposed(data: Uint8Array, dims: readonly number[], axis: number): Uint8Array {
  const inner = elementCount(dims.slice(axis + 1));
  const length = dims[axis] ?? 1;
  const outer = elementCount(dims.slice(0, axis));
  const result = new Uint8Array(data.length);
  let to = 0;
  for (let c = 0; c < length; c++) {
    for (let o = 0; o < outer; o++) {
      const from = (o * length + c) * inner;
      result.set(data.subarray(from, from + inner), to);
      to += inner;
    }
  }
  return result;
}
