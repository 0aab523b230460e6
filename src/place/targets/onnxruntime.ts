import {
  activationTypes,
  channelAxis,
  fixedRanges,
  productBias,
  quantizedResults,
  symmetricWeights,
  weightTypes,
} from './rules.js';
import { onnxruntimeForm, type Target } from './target.js';

const onnx = 'https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html';

/** By its optimized graphs and its outputs, in 1.30: `test/place/fusion.test.ts`, docs/placement.md, docs/format.md. */
const measured = 'measured on onnxruntime 1.30: docs/placement.md and docs/format.md';

/** uint8 activations and int8 weights, the one pair with kernels for all operators. A bias at another scale still fuses, and is added at the wrong one. */
export const onnxruntime: Target = {
  name: 'onnxruntime',
  summary: 'onnxruntime on the CPU: integer kernels of x86 and ARM',
  form: onnxruntimeForm,
  rules: [
    channelAxis({ source: onnx }),
    weightTypes(['int8'], { otherwise: 'slow', source: measured }),
    symmetricWeights({ otherwise: 'slow', source: measured }),
    activationTypes(['uint8'], { otherwise: 'slow', source: measured }),
    fixedRanges({ otherwise: 'slow', source: measured }),
    quantizedResults(['Conv'], { otherwise: 'slow', source: measured }),
    productBias({ source: measured }),
  ],
};
