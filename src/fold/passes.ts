import { affineBeforeTranspose } from './affine-before-transpose.js';
import { affineIntoNext } from './affine-into-next.js';
import { affineIntoPrevious } from './affine-into-previous.js';
import { bodyConstants } from './body-constants.js';
import { constantBranches } from './constant-branches.js';
import { constantNodes } from './constant-nodes.js';
import { constantOperands } from './constant-operands.js';
import { constantSubgraphs } from './constant-subgraphs.js';
import { deadCode } from './dead-code.js';
import { einsumMatMul } from './einsum-matmul.js';
import { equalConstants } from './equal-constants.js';
import { equalize } from './equalize.js';
import { gemmFactors } from './gemm-factors.js';
import { hardSwish } from './hard-swish.js';
import { identities } from './identities.js';
import { initializerInputs } from './initializer-inputs.js';
import { inputScale } from './input-scale.js';
import { loneBatchNorm } from './lone-batch-norm.js';
import { loneMatrix } from './lone-matrix.js';
import { padAxes } from './pad-axes.js';
import { padIntoConv } from './pad-into-conv.js';
import type { Pass } from './pass.js';
import { runtimeFusions } from './runtime-fusions.js';
import { smooth } from './smooth.js';
import { spatialMean } from './spatial-mean.js';

/** The passes, in the order in which they run: constants first, since the others look for them. */
export const passes: readonly Pass[] = [
  initializerInputs,
  constantNodes,
  constantSubgraphs,
  constantBranches,
  bodyConstants,
  identities,
  deadCode,
  einsumMatMul,
  runtimeFusions,
  loneMatrix,
  affineBeforeTranspose,
  affineIntoPrevious,
  affineIntoNext,
  loneBatchNorm,
  gemmFactors,
  constantOperands,
  hardSwish,
  padAxes,
  padIntoConv,
  spatialMean,
  equalize,
  smooth,
  inputScale,
  deadCode,
  equalConstants,
];
