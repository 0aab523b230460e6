import type { IntegerKernel } from './kernel.js';
import { add } from './kernels/add.js';
import { averagePool } from './kernels/average-pool.js';
import { batchMatMul } from './kernels/batch-matmul.js';
import { clamp } from './kernels/clamp.js';
import { concat } from './kernels/concat.js';
import { conv } from './kernels/conv.js';
import { fullyConnected } from './kernels/fully-connected.js';
import { lookup } from './kernels/lookup.js';
import { maxPool } from './kernels/max-pool.js';
import { mul } from './kernels/mul.js';
import { pad } from './kernels/pad.js';
import { reshape } from './kernels/reshape.js';
import { slice } from './kernels/slice.js';
import { softmax } from './kernels/softmax.js';
import { split } from './kernels/split.js';
import { transpose } from './kernels/transpose.js';

/** Every kind of integer operator. */
export const kernels: readonly IntegerKernel[] = [
  conv,
  fullyConnected,
  batchMatMul,
  add,
  mul,
  concat,
  averagePool,
  maxPool,
  softmax,
  lookup,
  clamp,
  reshape,
  transpose,
  slice,
  split,
  pad,
];
