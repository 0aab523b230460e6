import { dataTypeCodes } from '../../graph/data-type.js';
import { attribute, type Node, node } from '../../graph/model.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Constants } from '../constants.js';
import type { FormTarget, WeightForm } from './form.js';

/** INT4 exists from opset 21 and IR 10 on; its Cast to INT8 runs from onnxruntime 1.23 on. */
const FIRST_OPSET = 21;
const FIRST_IR = 10;

/** Uniform codes of 3 and 4 bits: an INT4 constant → Cast(INT8), which folds at load. */
export const int4Cast: WeightForm = {
  name: 'int4-cast',
  holds: (tensor: QuantizedTensor, target: FormTarget) =>
    tensor.kind === 'affine' &&
    (tensor.bits === 3 || tensor.bits === 4) &&
    target.opset >= FIRST_OPSET &&
    target.irVersion >= FIRST_IR,
  bytes: ({ dims }: QuantizedTensor) => Math.ceil(elementCount(dims) / 2),
  emit(tensor: QuantizedTensor, name: string, output: string, constants: Constants): readonly Node[] {
    if (tensor.kind !== 'affine') throw new Error('int4-cast holds uniform codes only');
    const { codes, dims } = tensor;
    const bytes = new Uint8Array(Math.ceil(codes.length / 2));
    // TensorProto: two elements a byte, the first in the low half.
    codes.forEach((code, i) => {
      bytes[i >> 1] = (bytes[i >> 1] as number) | ((code & 0xf) << (4 * (i & 1)));
    });
    const packed = constants.addTensor(`${name}_q4`, {
      dataType: 'int4',
      dims,
      storage: { kind: 'raw', bytes },
    });
    return [node('Cast', [packed], [output], { to: attribute.int(dataTypeCodes.int8) })];
  },
};
