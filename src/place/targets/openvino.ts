import {
  activationTypes,
  channelAxis,
  fixedRanges,
  standardOperators,
  symmetricWeights,
  weightTypes,
} from './rules.js';
import { onnxruntimeForm, type Target } from './target.js';

const ir =
  'https://docs.openvino.ai/2024/documentation/openvino-ir-format/intermediate-representation-int8-inference.html';
const transformations = 'https://docs.openvino.ai/latest/openvino_docs_OV_UG_lpt.html';

/** A convolution runs in int8 where both its data and its weights are quantized, to signed or unsigned bytes. */
export const openvino: Target = {
  name: 'openvino',
  summary: 'OpenVINO on Intel CPUs and GPUs',
  form: onnxruntimeForm,
  rules: [
    standardOperators({ source: ir }),
    activationTypes(['uint8', 'int8'], { otherwise: 'slow', source: transformations }),
    weightTypes(['int8', 'uint8'], { otherwise: 'slow', source: transformations }),
    symmetricWeights({ otherwise: 'slow', source: transformations }),
    channelAxis({ otherwise: 'slow', source: ir }),
    fixedRanges({ otherwise: 'slow', source: ir }),
  ],
};
