import type { Node } from '../graph/model.js';
import type { Derivative, DerivativeRule } from './derivative.js';
import { abs } from './rules/abs.js';
import { add } from './rules/add.js';
import { averagePool } from './rules/average-pool.js';
import { batchNormalization } from './rules/batch-normalization.js';
import { clip } from './rules/clip.js';
import { concat } from './rules/concat.js';
import { conv } from './rules/conv.js';
import { convTranspose } from './rules/conv-transpose.js';
import { div } from './rules/div.js';
import { elu } from './rules/elu.js';
import { erf } from './rules/erf.js';
import { exp } from './rules/exp.js';
import { expand } from './rules/expand.js';
import { flatten } from './rules/flatten.js';
import { gather } from './rules/gather.js';
import { gelu } from './rules/gelu.js';
import { gemm } from './rules/gemm.js';
import { globalAveragePool } from './rules/global-average-pool.js';
import { groupNormalization } from './rules/group-normalization.js';
import { gru } from './rules/gru.js';
import { hardSigmoid } from './rules/hard-sigmoid.js';
import { hardSwish } from './rules/hard-swish.js';
import { identity } from './rules/identity.js';
import { instanceNormalization } from './rules/instance-normalization.js';
import { layerNormalization } from './rules/layer-normalization.js';
import { leakyRelu } from './rules/leaky-relu.js';
import { log } from './rules/log.js';
import { logSoftmax } from './rules/log-softmax.js';
import { lstm } from './rules/lstm.js';
import { matMul } from './rules/mat-mul.js';
import { maxPool } from './rules/max-pool.js';
import { mul } from './rules/mul.js';
import { neg } from './rules/neg.js';
import { pRelu } from './rules/p-relu.js';
import { pad } from './rules/pad.js';
import { pow } from './rules/pow.js';
import { reciprocal } from './rules/reciprocal.js';
import { reduceL2 } from './rules/reduce-l2.js';
import { reduceMean } from './rules/reduce-mean.js';
import { reduceSum } from './rules/reduce-sum.js';
import { relu } from './rules/relu.js';
import { reshape } from './rules/reshape.js';
import { resize } from './rules/resize.js';
import { rmsNormalization } from './rules/rms-normalization.js';
import { rnn } from './rules/rnn.js';
import { sigmoid } from './rules/sigmoid.js';
import { simplifiedLayerNormalization } from './rules/simplified-layer-normalization.js';
import { slice } from './rules/slice.js';
import { softmax } from './rules/softmax.js';
import { softplus } from './rules/softplus.js';
import { split } from './rules/split.js';
import { sqrt } from './rules/sqrt.js';
import { squeeze } from './rules/squeeze.js';
import { sub } from './rules/sub.js';
import { sum } from './rules/sum.js';
import { tanh } from './rules/tanh.js';
import { transpose } from './rules/transpose.js';
import { unsqueeze } from './rules/unsqueeze.js';
import { where } from './rules/where.js';

/** Every operator that a gradient gets through. */
export const derivatives: readonly DerivativeRule[] = [
  abs,
  add,
  averagePool,
  batchNormalization,
  clip,
  concat,
  conv,
  convTranspose,
  div,
  elu,
  erf,
  exp,
  expand,
  flatten,
  gather,
  gelu,
  gemm,
  globalAveragePool,
  groupNormalization,
  gru,
  hardSigmoid,
  hardSwish,
  identity,
  instanceNormalization,
  layerNormalization,
  leakyRelu,
  log,
  logSoftmax,
  lstm,
  matMul,
  maxPool,
  mul,
  neg,
  pRelu,
  pad,
  pow,
  reciprocal,
  reduceL2,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  resize,
  rmsNormalization,
  rnn,
  sigmoid,
  simplifiedLayerNormalization,
  slice,
  softmax,
  softplus,
  split,
  sqrt,
  squeeze,
  sub,
  sum,
  tanh,
  transpose,
  unsqueeze,
  where,
];

/** The rule for a node; undefined where there is none. */
export function derivativeOf({ opType, domain }: Node): Derivative | undefined {
  return derivatives.find((rule) => rule.opType === opType && (rule.domains ?? ['']).includes(domain))
    ?.derive;
}
