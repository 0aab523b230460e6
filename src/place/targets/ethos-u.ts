import {
  activationTypes,
  channelAxis,
  fixedRanges,
  narrowWeights,
  plainWeights,
  productBias,
  standardOperators,
  symmetricWeights,
  weightTypes,
  wholeInIntegers,
  wholeScales,
} from './rules.js';
import { plainForm, type Target } from './target.js';

/** int8 weights within ±127 of zero point 0, int32 biases at the product of the scales. */
const specification = 'https://developers.google.com/edge/litert/quantization/quantization_spec';
/** Only what is quantized to 8 or 16 bits runs on the NPU. */
const vela = 'https://pypi.org/project/ethos-u-vela/';

export const ethosU: Target = {
  name: 'ethos-u',
  summary: 'Arm Ethos-U NPUs and TFLite-Micro, by way of a conversion to LiteRT',
  form: { ...plainForm, floats: 'elsewhere' },
  rules: [
    standardOperators({ source: specification }),
    activationTypes(['int8', 'uint8', 'int16'], { source: vela }),
    weightTypes(['int8'], { source: specification }),
    symmetricWeights({ source: specification }),
    narrowWeights({ source: specification }),
    channelAxis({ source: specification }),
    wholeScales({ source: specification }),
    plainWeights({ source: specification }),
    productBias({ source: specification }),
    fixedRanges({ source: vela }),
    wholeInIntegers({ otherwise: 'slow', source: vela }),
  ],
};
