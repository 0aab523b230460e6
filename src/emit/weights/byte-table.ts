import type { Node } from '../../graph/model.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Constants } from '../constants.js';
import type { FormTarget, WeightForm } from './form.js';
import { byteLayout, packedBytes } from './layout.js';
import { canLookUp, emitLookUp } from './look-up.js';

/**
 * Codes of up to 4 bits, packed 2 or 4 a byte, looked up byte by byte. It needs nothing newer than opset 13, folds at
 * load, and holds uniform codes and codebooks, one for the weight or one for each channel or block of channels. Not
 * where int8 is smaller: a depthwise channel of 9 weights has fewer bytes than a codebook of its own.
 */
export const byteTable: WeightForm = {
  name: 'byte-table',
  holds(tensor: QuantizedTensor, { opset }: FormTarget): boolean {
    return canHold(tensor, opset) && !outweighs(tensor);
  },
  bytes: (tensor: QuantizedTensor) => packedBytes(tensor, byteLayout(tensor.bits)),
  emit: (tensor: QuantizedTensor, name: string, output: string, constants: Constants): readonly Node[] =>
    emitLookUp(tensor, byteLayout(tensor.bits), name, output, constants),
};

const canHold = (tensor: QuantizedTensor, opset: number): boolean =>
  tensor.bits <= 4 && canLookUp(tensor, byteLayout(tensor.bits), opset);

const outweighs = (tensor: QuantizedTensor): boolean =>
  packedBytes(tensor, byteLayout(tensor.bits)) > elementCount(tensor.dims);

/** Whether the codebooks of a weight alone keep it from being smaller than int8. */
export const isTooSmall = (tensor: QuantizedTensor, { opset }: FormTarget): boolean =>
  canHold(tensor, opset) && outweighs(tensor);
