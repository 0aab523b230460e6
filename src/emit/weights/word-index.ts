import type { Node } from '../../graph/model.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Constants } from '../constants.js';
import type { FormTarget, WeightForm } from './form.js';
import { packedBytes, rowsOf, savedByWords, wordLayoutOf, wordLayouts } from './layout.js';
import { canLookUp, emitIndexed } from './look-up.js';

/** What the nodes of this form take more in a file than those of the next one: two or three, of some 60 bytes. */
const NODE_BYTES = 192;

/**
 * Codebooks of 3, 5, 6 and 7 bits at just that width, one for each channel or block of channels: words → the indices in them,
 * from one table that the model shares → moved on to the channel's levels → levels. It takes an int32 for each element while
 * the model loads, where a table of words for each codebook would take more.
 */
export const wordIndex: WeightForm = {
  name: 'word-index',
  holds(tensor: QuantizedTensor, { opset }: FormTarget): boolean {
    const layout = wordLayouts[tensor.bits];
    if (!layout || tensor.kind !== 'codebook' || !canLookUp(tensor, layout, opset)) return false;
    return rowsOf(tensor, layout).codebooks > 1 && savedByWords(tensor, layout) > NODE_BYTES;
  },
  bytes: (tensor: QuantizedTensor) => packedBytes(tensor, wordLayoutOf(tensor)),
  emit(tensor: QuantizedTensor, name: string, output: string, constants: Constants): readonly Node[] {
    if (tensor.kind !== 'codebook') throw new Error('word-index holds codebooks only');
    return emitIndexed(tensor, wordLayoutOf(tensor), name, output, constants);
  },
};
