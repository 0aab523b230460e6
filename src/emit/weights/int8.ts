import type { Node } from '../../graph/model.js';
import { elementCount } from '../../numerics/nd-array.js';
import { integersOfTensor, type QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Constants } from '../constants.js';
import type { WeightForm } from './form.js';

/** A plain int8 constant, one byte an element: every width, every runtime. */
export const int8: WeightForm = {
  name: 'int8',
  holds: () => true,
  bytes: ({ dims }: QuantizedTensor) => elementCount(dims),
  emit(tensor: QuantizedTensor, _name: string, output: string, constants: Constants): readonly Node[] {
    constants.adopt(output, { type: 'int8', dims: tensor.dims, data: integersOfTensor(tensor) });
    return [];
  },
};
