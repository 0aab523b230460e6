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
  const parts = new LookUp(tensor, layout, name, constants);
  const words = parts.words();
  const { rows, nodes } = parts;
  const offsets = rows.codebooks > 1 ? [offsetsOf(rows, 2 ** (layout.slot * layout.codes), constants)] : [];
  const indices = parts.sum([...words, ...offsets]);
  const table =
    tensor.kind === 'affine'
      ? slotTable({ kind: 'int' }, layout, constants, nodes)
      : levelTable(tensor, layout, rows, name, constants, nodes);
  return parts.shaped(parts.cut(parts.push('Gather', [table, indices])), output);
}

/**
 * The same for many codebooks, in two steps: words → the indices in them, by a table that the whole model shares; each
 * channel's indices moved on to its own codebook → levels.
 */
export function emitIndexed(
  tensor: CodebookTensor,
  layout: Layout,
  name: string,
  output: string,
  constants: Constants,
): readonly Node[] {
  const parts = new LookUp(tensor, layout, name, constants);
  const words = parts.words();
  const { rows, nodes } = parts;
  const { bits } = tensor;
  const found = parts.push('Gather', [indexTable(bits, layout, constants, nodes), parts.sum(words)]);
  // Rows of words where they are whole, else of indices.
  const indices = parts.cut(found);
  const axes = indices === found ? 3 : 2;
  const moved = parts.sum([indices, offsetsOf(rows, 2 ** bits, constants, axes)]);
  const data = new Int8Array(rows.codebooks * 2 ** bits);
  data.set(tensor.levels);
  const levels = constants.add(`${name}_levels`, { type: 'int8', dims: [data.length], data });
  return parts.shaped(parts.push('Gather', [levels, moved]), output);
}

/** The nodes that unpack one weight, and what they have in common. */
class LookUp {
  readonly rows: Rows;
  readonly nodes: Node[] = [];
  readonly #tensor: QuantizedTensor;
  readonly #layout: Layout;
  readonly #name: string;
  readonly #constants: Constants;

  constructor(tensor: QuantizedTensor, layout: Layout, name: string, constants: Constants) {
    this.#tensor = tensor;
    this.#layout = layout;
    this.#name = name;
    this.#constants = constants;
    this.rows = rowsOf(tensor, layout);
  }

  push(opType: string, inputs: readonly string[], attributes = {}): string {
    const made = this.#constants.names.fresh(`${this.#name}_${opType.toLowerCase()}`);
    this.nodes.push(node(opType, inputs, [made], attributes));
    return made;
  }

  sum(values: readonly string[]): string {
    return values.reduce((sum, value) => this.push('Add', [sum, value]));
  }

  /** The words in int32, stream by stream: their sum is the word. */
  words(): string[] {
    const { slot } = this.#layout;
    const words = wordsOf(this.#tensor, this.#layout, this.rows);
    const { count } = this.rows;
    const rowShape = count > 1 ? [count, this.rows.words] : [this.rows.words];
    return streamsOf(this.#layout).map((stream, i) => {
      const suffix = i === 0 ? `q${slot}` : `q${slot}_${i}`;
      const data = packStream(words, stream);
      const isByte = stream.bits === BYTE_BITS;
      const dims = isByte ? rowShape : [data.length];
      const packed = this.#constants.add(`${this.#name}_${suffix}`, { type: 'uint8', dims, data });
      const bytes = this.push('Cast', [packed], { to: attribute.int(dataTypeCodes.int32) });
      if (isByte) return bytes;
      const looked = this.push('Gather', [streamTable(stream, this.#constants), bytes]);
      return this.push('Reshape', [looked, this.#shape(rowShape)]);
    });
  }

  /** Rows without the slots that their last words have to spare; as they are where they have none. */
  cut(values: string): string {
    const { count, words, used } = this.rows;
    if (isFull(this.rows, this.#layout)) return values;
    const whole = this.push('Reshape', [values, this.#shape([count, words * this.#layout.codes])]);
    return this.push('Slice', [whole, this.#shape([0]), this.#shape([used]), this.#shape([1])]);
  }

  /** The weight's own shape, its channels where they were; all nodes. */
  shaped(values: string, output: string): readonly Node[] {
    const { dims } = this.#tensor;
    const perm = channelsFirst(this.#tensor);
    if (!perm) return [...this.nodes, node('Reshape', [values, this.#shape(dims)], [output])];
    const moved = this.push('Reshape', [values, this.#shape(perm.map((axis) => dims[axis] as number))]);
    const back = dims.map((_, axis) => perm.indexOf(axis));
    return [...this.nodes, node('Transpose', [moved], [output], { perm: attribute.ints(back) })];
  }

  #shape(dims: readonly number[]): string {
    return this.#constants.int64List(dims);
  }
}

/** Where each channel's codebook begins in a table with `size` rows for each, [channels, 1] or with more axes of 1. */
function offsetsOf({ count, rowsPerCodebook }: Rows, size: number, constants: Constants, axes = 2): string {
  const name = `rows_${count}_${rowsPerCodebook}_${size}${axes === 2 ? '' : `_${axes}`}`;
  return constants.shared(name, () => ({
    type: 'int32',
    dims: [count, ...Array<number>(axes - 1).fill(1)],
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

/** The indices of every word's slots, [words, codes], in int32, shared by the whole model. */
const indexTable = (bits: number, layout: Layout, constants: Constants, nodes: Node[]): string =>
  constants.sharedValue(`index${bits}_in${layout.slot}_i32`, (output) => {
    const slots = slotTable({ kind: 'index', bits }, layout, constants, nodes);
    nodes.push(node('Cast', [slots], [output], { to: attribute.int(dataTypeCodes.int32) }));
  });

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
  const indices = indexTable(bits, layout, constants, nodes);
  const looked = constants.names.fresh(`${name}_level`);
  const table = constants.names.fresh(`${name}_table`);
  const shape = constants.int64List([codebooks * 2 ** (slot * codes), codes]);
  nodes.push(
    node('Gather', [stored, indices], [looked], { axis: attribute.int(1) }),
    node('Reshape', [looked, shape], [table]),
  );
  return table;
}
