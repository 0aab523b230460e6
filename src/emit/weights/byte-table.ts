import { dataTypeCodes } from '../../graph/data-type.js';
import { attribute, type Node, node } from '../../graph/model.js';
import { elementCount, type NdArray } from '../../numerics/nd-array.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Constants } from '../constants.js';
import type { FormTarget, WeightForm } from './form.js';

/** Widths that divide a byte: 2-bit slots for 2 bits, 4-bit slots for 3 and 4. */
const slotBits = (bits: number): number => (bits <= 2 ? 2 : 4);

/** Slice takes its bounds as inputs from this opset on; older ones store what needs no cut. */
const SLICE_OPSET = 10;

/**
 * Codes of up to 4 bits, packed 2 or 4 a byte, looked up byte by byte: uint8 → Cast(INT32) → Gather(int8 table of
 * 256 rows) → Reshape. A row holds the integers of all slots of that byte, so no bits are shifted in the graph.
 *
 * It needs nothing newer than opset 13, folds at load, and holds any one codebook. Uniform codes share one table.
 */
export const byteTable: WeightForm = {
  name: 'byte-table',
  holds: (tensor: QuantizedTensor, { opset }: FormTarget) =>
    tensor.bits <= 4 &&
    (tensor.kind === 'affine' || tensor.channelsPerCodebook === undefined) &&
    (opset >= SLICE_OPSET || elementCount(tensor.dims) % (8 / slotBits(tensor.bits)) === 0),
  emit(tensor: QuantizedTensor, name: string, output: string, constants: Constants): readonly Node[] {
    const slot = slotBits(tensor.bits);
    const perByte = 8 / slot;
    const packed = constants.add(`${name}_q${slot}`, pack(slotsOf(tensor), slot));
    const table =
      tensor.kind === 'affine'
        ? constants.shared(`int${slot}_table`, () => tableOf(uniformLevels(slot), slot))
        : constants.add(`${name}_table`, tableOf(tensor.levels, slot));

    const bytes = constants.names.fresh(`${name}_b`);
    const rows = constants.names.fresh(`${name}_r`);
    const lookUp = [
      node('Cast', [packed], [bytes], { to: attribute.int(dataTypeCodes.int32) }),
      node('Gather', [table, bytes], [rows]),
    ];
    const shape = constants.int64List(tensor.dims);
    const count = elementCount(tensor.dims);
    if (count % perByte === 0) return [...lookUp, node('Reshape', [rows, shape], [output])];
    // The last byte has slots to spare.
    const flat = constants.names.fresh(`${name}_f`);
    const cut = constants.names.fresh(`${name}_c`);
    return [
      ...lookUp,
      node('Reshape', [rows, constants.int64List([-1])], [flat]),
      node('Slice', [flat, constants.int64List([0]), constants.int64List([count])], [cut]),
      node('Reshape', [cut, shape], [output]),
    ];
  },
};

/** What goes into the slots, in its lowest bits: two's complement for uniform codes, the index for codebooks. */
function slotsOf(tensor: QuantizedTensor): Int8Array | Uint8Array {
  return tensor.kind === 'affine' ? tensor.codes : tensor.indices;
}

/** The integers of two's complement slots, by their bits: 0, 1, …, −2, −1. */
function uniformLevels(slot: number): Int8Array {
  const levels = 2 ** slot;
  return Int8Array.from({ length: levels }, (_, index) => (index < levels / 2 ? index : index - levels));
}

/** The first element in the highest bits of a byte. */
function pack(slots: Int8Array | Uint8Array, slot: number): NdArray {
  const perByte = 8 / slot;
  const mask = 2 ** slot - 1;
  const data = new Uint8Array(Math.ceil(slots.length / perByte));
  for (let at = 0, i = 0; at < data.length; at++) {
    let byte = 0;
    for (let shift = 8 - slot; shift >= 0; shift -= slot, i++) byte |= ((slots[i] ?? 0) & mask) << shift;
    data[at] = byte;
  }
  return { type: 'uint8', dims: [data.length], data };
}

function tableOf(levels: Int8Array, slot: number): NdArray {
  const perByte = 8 / slot;
  const mask = 2 ** slot - 1;
  const data = Int8Array.from({ length: 256 * perByte }, (_, i) => {
    const byte = Math.floor(i / perByte);
    const shift = 8 - slot * ((i % perByte) + 1);
    return levels[(byte >> shift) & mask] ?? 0;
  });
  return { type: 'int8', dims: [256, perByte], data };
}
