import {
  activationTypes,
  channelAxis,
  fixedRanges,
  plainWeights,
  productBias,
  standardOperators,
  symmetricWeights,
  weightTypes,
  wholeInIntegers,
  wholeScales,
} from './rules.js';
import { plainForm, type Target } from './target.js';

/** Its HTP backend takes QDQ models of 8- or 16-bit activations and 8-bit weights; what is float runs elsewhere. */
const provider = 'https://onnxruntime.ai/docs/execution-providers/QNN-ExecutionProvider.html';

export const qnn: Target = {
  name: 'qnn',
  summary: 'Qualcomm NPUs through the QNN execution provider of onnxruntime',
  form: { ...plainForm, floats: 'elsewhere', widest: 16 },
  rules: [
    standardOperators({ source: provider }),
    activationTypes(['uint8', 'uint16', 'int8', 'int16'], { source: provider }),
    weightTypes(['uint8', 'int8', 'int4'], { source: provider }),
    symmetricWeights({ otherwise: 'slow', source: provider }),
    channelAxis({ source: provider }),
    wholeScales({ source: provider }),
    plainWeights({ source: provider }),
    productBias({ otherwise: 'slow', source: provider }),
    fixedRanges({ source: provider }),
    wholeInIntegers({ otherwise: 'slow', source: provider }),
  ],
};
