import type { Node } from '../../graph/model.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Constants } from '../constants.js';
import type { FormTarget, WeightForm } from './form.js';
import { byteLayout, type Layout, packedBytes, rowsOf, wordLayouts } from './layout.js';
import { canLookUp, emitLookUp } from './look-up.js';

/** What the nodes of this form take more in a file than those of the next one: up to eight more, of some 100 bytes. */
const NODE_BYTES = 1024;

/**
 * Codes of 3, 5, 6 and 7 bits at just that width, packed in words of two or four codes. It is taken where it makes the
 * file smaller than the next form would (4 bits a code for 3, 8 for the rest), and where the table of its words, which
 * several codebooks need one of each, is no larger than the weight.
 */
export const wordTable: WeightForm = {
  name: 'word-table',
  holds(tensor: QuantizedTensor, { opset }: FormTarget): boolean {
    const layout = wordLayouts[tensor.bits];
    if (!layout || !canLookUp(tensor, layout, opset)) return false;
    const count = elementCount(tensor.dims);
    const next = tensor.bits < 4 ? packedBytes(tensor, byteLayout(tensor.bits)) : count;
    const saved = next - packedBytes(tensor, layout);
    const { codebooks } = rowsOf(tensor, layout);
    const table = codebooks * layout.codes * 2 ** (layout.slot * layout.codes);
    return saved > NODE_BYTES && (codebooks === 1 || table <= count);
  },
  bytes: (tensor: QuantizedTensor) => packedBytes(tensor, layoutOf(tensor)),
  emit: (tensor: QuantizedTensor, name: string, output: string, constants: Constants): readonly Node[] =>
    emitLookUp(tensor, layoutOf(tensor), name, output, constants),
};

function layoutOf({ bits }: QuantizedTensor): Layout {
  const layout = wordLayouts[bits];
  if (!layout) throw new Error(`word-table holds no ${bits} bits`);
  return layout;
}
