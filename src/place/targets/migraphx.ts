import {
  activationTypes,
  fixedRanges,
  plainWeights,
  standardOperators,
  symmetricActivations,
  symmetricWeights,
  weightTypes,
} from './rules.js';
import { plainForm, type Target } from './target.js';

/** Its pass from Q and DQ to integer kernels matches zero points of 0 and int8 on both sides, and leaves the rest in float. */
const pass = 'https://github.com/ROCm/AMDMIGraphX/blob/develop/src/simplify_qdq.cpp';

export const migraphx: Target = {
  name: 'migraphx',
  summary: 'AMD GPUs by MIGraphX',
  form: { ...plainForm, activations: 'symmetric-int8', moves: 'pairs' },
  rules: [
    standardOperators({ otherwise: 'slow', source: pass }),
    activationTypes(['int8'], { otherwise: 'slow', source: pass }),
    symmetricActivations({ otherwise: 'slow', source: pass }),
    weightTypes(['int8'], { otherwise: 'slow', source: pass }),
    symmetricWeights({ otherwise: 'slow', source: pass }),
    plainWeights({ otherwise: 'slow', source: pass }),
    fixedRanges({ otherwise: 'slow', source: pass }),
  ],
};
