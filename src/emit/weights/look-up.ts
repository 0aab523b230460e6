import { dataTypeCodes } from '../../graph/data-type.js';
import { attribute, type Node, node } from '../../graph/model.js';
import type { NdArray } from '../../numerics/nd-array.js';
import type { CodebookTensor, QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Constants } from '../constants.js';
import {
  BYTE_BITS,
  channelsFirst,
  isFull,
  type Layout,
  packStream,
  type Rows,
  rowsOf,
  type Stream,
  streamsOf,
  wordsOf,
} from './layout.js';

/** Slice takes its bounds as inputs from this opset on; older ones store what needs no cut. */
const SLICE_OPSET = 10;

/** Whether the operators of a packed form are in an opset. */
export function canLookUp(tensor: QuantizedTensor, layout: Layout, opset: number): boolean {
  return opset >= SLICE_OPSET || isFull(rowsOf(tensor, layout), layout);
}

/**
 * Nodes that make a weight's int8 integers from packed words: uint8 → Cast(INT32) → Gather(int8 table with a row for
 * each word) → Reshape. No bits are shifted in the graph, and onnxruntime folds all of it when it loads the model.
 *
 * - Bits above a byte come from streams of their own, looked up in int32 tables and added to the byte.
 * - With a codebook for some channels, the table has their rows one codebook after the other, and each channel's words
 *   are moved on by an Add. Channels that do not come first are stored so and put back by a Transpose.
 */
export function emitLookUp(
  tensor: QuantizedTensor,
  layout: Layout,
  name: string,
  output: string,
  constants: Constants,
): readonly Node[] {
  const rows = rowsOf(tensor, layout);
  const nodes: Node[] = [];
  const push = (opType: string, inputs: readonly string[], attributes = {}): string => {
    const made = constants.names.fresh(`${name}_${opType.toLowerCase()}`);
    nodes.push(node(opType, inputs, [made], attributes));
    return made;
  };
  const shape = (dims: readonly number[]) => constants.int64List(dims);

  const words = wordsOf(tensor, layout, rows);
  const rowShape = rows.count > 1 ? [rows.count, rows.words] : [rows.words];
  const parts = streamsOf(layout).map((stream, i) => {
    const suffix = i === 0 ? `q${layout.slot}` : `q${layout.slot}_${i}`;
    const data = packStream(words, stream);
    const isByte = stream.bits === BYTE_BITS;
    const dims = isByte ? rowShape : [data.length];
    const packed = constants.add(`${name}_${suffix}`, { type: 'uint8', dims, data });
    const bytes = push('Cast', [packed], { to: attribute.int(dataTypeCodes.int32) });
    if (isByte) return bytes;
    return push('Reshape', [push('Gather', [streamTable(stream, constants), bytes]), shape(rowShape)]);
  });
  if (rows.codebooks > 1) parts.push(offsetsOf(rows, layout, constants));
  const indices = parts.reduce((sum, part) => push('Add', [sum, part]));

  const table =
    tensor.kind === 'affine'
      ? slotTable({ kind: 'int' }, layout, constants, nodes)
      : levelTable(tensor, layout, rows, name, constants, nodes);
  let values = push('Gather', [table, indices]);
  if (!isFull(rows, layout)) {
    // The last words of a row have slots to spare.
    const whole = push('Reshape', [values, shape([rows.count, rows.words * layout.codes])]);
    values = push('Slice', [whole, shape([0]), shape([rows.used]), shape([1])]);
  }
  const perm = channelsFirst(tensor);
  if (!perm) return [...nodes, node('Reshape', [values, shape(tensor.dims)], [output])];
  const moved = push('Reshape', [values, shape(perm.map((axis) => tensor.dims[axis] as number))]);
  const back = tensor.dims.map((_, axis) => perm.indexOf(axis));
  return [...nodes, node('Transpose', [moved], [output], { perm: attribute.ints(back) })];
}

/** The first table row of each channel's codebook, [channels, 1]. */
function offsetsOf(rows: Rows, { slot, codes }: Layout, constants: Constants): string {
  const { count, rowsPerCodebook } = rows;
  const size = 2 ** (slot * codes);
  return constants.shared(`rows_${count}_${rowsPerCodebook}_${size}`, () => ({
    type: 'int32',
    dims: [count, 1],
    data: Int32Array.from({ length: count }, (_, row) => Math.floor(row / rowsPerCodebook) * size),
  }));
}

/** What the slots of a byte add to their words, [256, slots]. */
function streamTable({ bits, shift }: Stream, constants: Constants): string {
  return constants.shared(`bits${bits}_from${shift}_table`, () => {
    const values = slotsOfWords({ slot: bits, codes: BYTE_BITS / bits });
    return { type: 'int32', dims: [256, BYTE_BITS / bits], data: values.map((value) => value << shift) };
  });
}

/** The slots of every word in order, [2^(slot·codes), codes]. */
function slotsOfWords({ slot, codes }: Layout): Int32Array {
  const mask = 2 ** slot - 1;
  return Int32Array.from({ length: codes * 2 ** (slot * codes) }, (_, i) => {
    const word = Math.floor(i / codes);
    return (word >> (slot * (codes - 1 - (i % codes)))) & mask;
  });
}

/** Largest table that is written out, in bytes: that of 2-bit and of 5-bit codes. */
const MOST_TABLE_BYTES = 2048;

/** What a table says of a slot: its integer in two's complement, or its index into levels. */
type Contents = { readonly kind: 'int' } | { readonly kind: 'index'; readonly bits: number };

/**
 * The table of every word's slots, [words, codes], shared by the whole model. A large one is made in the graph, of all
 * pairs of the halves of a word.
 */
function slotTable(contents: Contents, layout: Layout, constants: Constants, nodes: Node[]): string {
  const { slot, codes } = layout;
  const width = 2 ** (slot * codes);
  const arrayOf = (part: Layout, dims: (rows: number) => readonly number[]): NdArray => {
    const slots = slotsOfWords(part);
    const shape = dims(slots.length / part.codes);
    if (contents.kind === 'index') {
      // Indices of 3 bits in slots of 4: no word may point beyond the levels.
      const mask = 2 ** contents.bits - 1;
      return { type: 'uint8', dims: shape, data: Uint8Array.from(slots, (value) => value & mask) };
    }
    const half = 2 ** (slot - 1);
    return { type: 'int8', dims: shape, data: Int8Array.from(slots, (v) => (v < half ? v : v - 2 * half)) };
  };
  const name = contents.kind === 'int' ? `int${slot}_table` : `index${contents.bits}_in${slot}_table`;
  if (width * codes <= MOST_TABLE_BYTES)
    return constants.shared(name, () => arrayOf(layout, (rows) => [rows, codes]));

  return constants.sharedValue(name, (output) => {
    const part: Layout = { slot, codes: codes / 2 };
    const fresh = (suffix: string) => constants.names.fresh(`${name}_${suffix}`);
    const [first, second, pairs] = [fresh('first'), fresh('second'), fresh('pairs')] as const;
    const rows = Math.sqrt(width);
    const square = constants.int64List([rows, rows, part.codes]);
    const firstHalf = constants.add(
      `${name}_rows`,
      arrayOf(part, () => [rows, 1, part.codes]),
    );
    const secondHalf = constants.add(
      `${name}_columns`,
      arrayOf(part, () => [1, rows, part.codes]),
    );
    nodes.push(
      node('Expand', [firstHalf, square], [first]),
      node('Expand', [secondHalf, square], [second]),
      node('Concat', [first, second], [pairs], { axis: attribute.int(2) }),
      node('Reshape', [pairs, constants.int64List([width, codes])], [output]),
    );
  });
}

/** The levels of every word's slots, one codebook's rows after the other's. */
function levelTable(
  { levels, bits }: CodebookTensor,
  layout: Layout,
  { codebooks }: Rows,
  name: string,
  constants: Constants,
  nodes: Node[],
): string {
  const { slot, codes } = layout;
  const size = 2 ** bits;
  const data = new Int8Array(codebooks * size);
  data.set(levels);
  const stored = constants.add(`${name}_levels`, { type: 'int8', dims: [codebooks, size], data });
  const indices = constants.sharedValue(`index${bits}_in${slot}_i32`, (output) => {
    const slots = slotTable({ kind: 'index', bits }, layout, constants, nodes);
    nodes.push(node('Cast', [slots], [output], { to: attribute.int(dataTypeCodes.int32) }));
  });
  const looked = constants.names.fresh(`${name}_level`);
  const table = constants.names.fresh(`${name}_table`);
  const shape = constants.int64List([codebooks * 2 ** (slot * codes), codes]);
  nodes.push(
    node('Gather', [stored, indices], [looked], { axis: attribute.int(1) }),
    node('Reshape', [looked, shape], [table]),
  );
  return table;
}
