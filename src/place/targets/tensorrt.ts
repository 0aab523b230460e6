import {
  activationTypes,
  channelAxis,
  fixedRanges,
  floatBias,
  pairsAroundOperators,
  plainWeights,
  quantizedOperands,
  standardOperators,
  symmetricActivations,
  symmetricWeights,
  weightTypes,
} from './rules.js';
import { plainForm, type Target } from './target.js';

/** The operators that its parser takes, and of what types: QuantizeLinear and DequantizeLinear with zero point 0, of int8. */
const operators = 'https://github.com/onnx/onnx-tensorrt/blob/main/docs/operators.md';
const explicit =
  'https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/quantized-types-explicit-quantization.html';

export const tensorrt: Target = {
  name: 'tensorrt',
  summary: 'TensorRT by explicit quantization, alone or under onnxruntime',
  form: { ...plainForm, activations: 'symmetric-int8', moves: 'pairs', biases: 'float' },
  rules: [
    standardOperators({ source: operators }),
    activationTypes(['int8'], { source: operators }),
    symmetricActivations({ source: operators }),
    weightTypes(['int8', 'int4'], { source: operators }),
    symmetricWeights({ source: operators }),
    channelAxis({ source: explicit }),
    plainWeights({ source: explicit }),
    pairsAroundOperators({ source: explicit }),
    floatBias({ source: operators }),
    fixedRanges({ source: explicit }),
    quantizedOperands(['Add'], { otherwise: 'slow', source: explicit }),
  ],
};
