import { batchNormIntoNext } from './batch-norm-into-next.js';
import { batchNormIntoPrevious } from './batch-norm-into-previous.js';
import { constantNodes } from './constant-nodes.js';
import { constantOperands } from './constant-operands.js';
import { constantSubgraphs } from './constant-subgraphs.js';
import { deadCode } from './dead-code.js';
import { gemmFactors } from './gemm-factors.js';
import { hardSwish } from './hard-swish.js';
import { identities } from './identities.js';
import { initializerInputs } from './initializer-inputs.js';
import { loneBatchNorm } from './lone-batch-norm.js';
import { padAxes } from './pad-axes.js';
import type { Pass } from './pass.js';

/** The passes, in the order in which they run: constants first, since the others look for them. */
export const passes: readonly Pass[] = [
  initializerInputs,
  constantNodes,
  constantSubgraphs,
  identities,
  deadCode,
  batchNormIntoPrevious,
  batchNormIntoNext,
  loneBatchNorm,
  gemmFactors,
  constantOperands,
  hardSwish,
  padAxes,
  deadCode,
];
