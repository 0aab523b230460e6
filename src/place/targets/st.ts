import {
  activationTypes,
  channelAxis,
  fixedRanges,
  plainWeights,
  standardOperators,
  symmetricWeights,
  weightTypes,
  wholeInIntegers,
  wholeScales,
} from './rules.js';
import { plainForm, type Target } from './target.js';

/** It reads ONNX models whose tensors are quantized by Q and DQ, in 8 bits. */
const brief = 'https://st.com/resource/en/data_brief/stedgeai-core.pdf';
const quantization = 'https://stedgeai-dc.st.com/assets/embedded-docs/quantization.html';

export const st: Target = {
  name: 'st',
  summary: 'ST Edge AI for STM32 microcontrollers, Stellar and ISPU',
  form: { ...plainForm, floats: 'elsewhere' },
  rules: [
    standardOperators({ source: brief }),
    activationTypes(['int8', 'uint8'], { source: quantization }),
    weightTypes(['int8', 'uint8'], { source: quantization }),
    symmetricWeights({ otherwise: 'slow', source: quantization }),
    channelAxis({ source: quantization }),
    wholeScales({ source: quantization }),
    plainWeights({ source: quantization }),
    fixedRanges({ source: quantization }),
    wholeInIntegers({ otherwise: 'slow', source: quantization }),
  ],
};
