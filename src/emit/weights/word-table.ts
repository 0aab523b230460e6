import type { Node } from '../../graph/model.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Constants } from '../constants.js';
import type { FormTarget, WeightForm } from './form.js';
import { packedBytes, rowsOf, savedByWords, wordLayoutOf, wordLayouts } from './layout.js';
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
    const { codebooks } = rowsOf(tensor, layout);
    const table = codebooks * layout.codes * 2 ** (layout.slot * layout.codes);
    const isSmall = codebooks === 1 || table <= elementCount(tensor.dims);
    return isSmall && savedByWords(tensor, layout) > NODE_BYTES;
  },
  bytes: (tensor: QuantizedTensor) => packedBytes(tensor, wordLayoutOf(tensor)),
  emit: (tensor: QuantizedTensor, name: string, output: string, constants: Constants): readonly Node[] =>
    emitLookUp(tensor, wordLayoutOf(tensor), name, output, constants),
};
