import type { OutputDrift } from '../evaluate/compare-outputs.js';
import { type Drift, worstDb } from '../evaluate/drift.js';
import { type Measured, type Metric, ofLayers, ofOutputs, type Reading } from './metric.js';
import { bytes, decibel, plain, share, times } from './units.js';

const noLabels: Reading = { missing: 'there are no labels; give them with --labels' };

/** Elements that were left out of a drift may hide anything: it then counts as not measured. */
const measuredWhole =
  (pick: (drift: Drift) => Reading) =>
  (drift: Drift): Reading => {
    const { nonFiniteMismatches, shapeMismatches, samples } = drift;
    if (samples === 0) return { missing: 'there are no samples' };
    if (shapeMismatches > 0)
      return { missing: `the shapes differ on ${shapeMismatches} of ${samples} samples` };
    if (nonFiniteMismatches > 0) {
      return { missing: `${nonFiniteMismatches} elements are not finite in one of the two models` };
    }
    return pick(drift);
  };

const sqnr = measuredWhole(({ sqnrDb }) => ({ value: sqnrDb ?? Number.POSITIVE_INFINITY }));
const worst = measuredWhole((drift) => ({ value: worstDb(drift) ?? Number.POSITIVE_INFINITY }));
const cosine = measuredWhole(({ cosine, sqnrDb }) => {
  // Two values of all zeros do not differ, and have no angle.
  if (cosine === null && sqnrDb === null) return { value: 1 };
  return cosine === null ? { missing: 'one of the two is all zero' } : { value: cosine };
});
const maxAbs = measuredWhole(({ maxAbsError }) => ({ value: maxAbsError }));
const relativeL2 = measuredWhole(({ relativeL2: value }) =>
  value === null ? { missing: 'the float output is all zero' } : { value },
);
const agreement = measuredWhole(({ topOneAgreement }) =>
  topOneAgreement === null
    ? { missing: 'no output holds class scores', isUnfit: true }
    : { value: topOneAgreement },
);

const topFiveAgreement = measuredWhole(({ topFiveAgreement: value }) =>
  value === null ? { missing: 'no output holds scores of six classes or more', isUnfit: true } : { value },
);

const noRows: Reading = { missing: 'no output holds rows of floats, [N, d]', isUnfit: true };
const rankCorrelation = (_: Drift, { embedding }: OutputDrift): Reading => {
  if (!embedding) return noRows;
  const { rankCorrelation: value } = embedding;
  return value === null ? { missing: 'the similarities of the rows have no order' } : { value };
};
const leastCosine = (_: Drift, { embedding }: OutputDrift): Reading =>
  embedding ? { value: embedding.leastCosine } : noRows;

const topFive =
  (pick: (found: NonNullable<NonNullable<Measured['task']>['topFive']>) => number): Metric['read'] =>
  ({ task }) => {
    if (!task) return noLabels;
    return task.topFive ? { value: pick(task.topFive) } : { missing: 'there are fewer than six classes' };
  };

const accuracy =
  (pick: (task: NonNullable<Measured['task']>) => number): Metric['read'] =>
  ({ task }) =>
    task ? { value: pick(task) } : noLabels;

/** Every metric that a gate can name, those of a user's own module aside. */
export const metrics: readonly Metric[] = [
  {
    name: 'top1_drop',
    summary: 'top-1 accuracy lost, in points; needs labels',
    unit: share,
    better: 'lower',
    of: undefined,
    isMain: false,
    read: accuracy(({ float, quantized }) => float - quantized),
  },
  {
    name: 'portable_top1_drop',
    summary: 'top1_drop on x86 without VNNI, computed on any machine',
    unit: share,
    better: 'lower',
    of: undefined,
    isMain: false,
    isSingle: true,
    read: (measured) => {
      const { task, portable } = measured;
      const graded = portable ? portable.task : task;
      return graded ? { value: graded.float - graded.quantized } : noLabels;
    },
  },
  {
    name: 'top1',
    summary: 'top-1 accuracy of the quantized model; needs labels',
    unit: share,
    better: 'higher',
    of: undefined,
    isMain: true,
    read: accuracy(({ quantized }) => quantized),
  },
  {
    name: 'top5_drop',
    summary: 'top-5 accuracy lost, in points; needs labels',
    unit: share,
    better: 'lower',
    of: undefined,
    isMain: false,
    read: topFive(({ float, quantized }) => float - quantized),
  },
  {
    name: 'top5',
    summary: 'top-5 accuracy of the quantized model; needs labels',
    unit: share,
    better: 'higher',
    of: undefined,
    isMain: false,
    read: topFive(({ quantized }) => quantized),
  },
  {
    name: 'agreement',
    summary: 'share of the samples whose top-1 class is that of the float model',
    unit: share,
    better: 'higher',
    of: 'output',
    isMain: true,
    read: ofOutputs('higher', agreement),
  },
  {
    name: 'top5_agreement',
    summary: "share of the float model's five largest scores that are among the quantized model's",
    unit: share,
    better: 'higher',
    of: 'output',
    isMain: false,
    read: ofOutputs('higher', topFiveAgreement),
  },
  {
    name: 'sqnr',
    summary: 'signal to quantization noise of an output, or of its worst group of channels',
    unit: decibel,
    better: 'higher',
    of: 'output',
    isMain: true,
    read: ofOutputs('higher', sqnr, true),
  },
  {
    name: 'portable_sqnr',
    summary: 'sqnr on x86 without VNNI, computed on any machine',
    unit: decibel,
    better: 'higher',
    of: 'output',
    isMain: false,
    isSingle: true,
    read: ofOutputs('higher', (deployed, { name }, { portable }) =>
      worst(portable?.outputs.find((output) => output.name === name)?.drift ?? deployed),
    ),
  },
  {
    name: 'cosine',
    summary: 'cosine similarity of an output',
    unit: plain,
    better: 'higher',
    of: 'output',
    isMain: false,
    read: ofOutputs('higher', cosine),
  },
  {
    name: 'least_cosine',
    summary: 'least cosine similarity of any row of an output, as of an embedding',
    unit: plain,
    better: 'higher',
    of: 'output',
    isMain: false,
    read: ofOutputs('higher', leastCosine),
  },
  {
    name: 'rank_correlation',
    summary: 'rank correlation of the similarities of all pairs of rows, as of embeddings',
    unit: plain,
    better: 'higher',
    of: 'output',
    isMain: false,
    read: ofOutputs('higher', rankCorrelation),
  },
  {
    name: 'relative_l2',
    summary: 'norm of the error over the norm of the output',
    unit: share,
    better: 'lower',
    of: 'output',
    isMain: false,
    read: ofOutputs('lower', relativeL2),
  },
  {
    name: 'max_abs',
    summary: 'largest error of any element of an output',
    unit: plain,
    better: 'lower',
    of: 'output',
    isMain: false,
    read: ofOutputs('lower', maxAbs),
  },
  {
    name: 'layer_sqnr',
    summary: 'SQNR of a layer, everything before it quantized too',
    unit: decibel,
    better: 'higher',
    of: 'layer',
    isMain: false,
    isSingle: true,
    read: ofLayers('higher', sqnr),
  },
  {
    name: 'size',
    summary: 'the quantized file, with what its tensors take in other files',
    unit: bytes,
    better: 'lower',
    of: undefined,
    isMain: true,
    isSingle: true,
    read: ({ quantized }) => ({ value: quantized.sizeBytes }),
  },
  {
    name: 'size_ratio',
    summary: 'quantized size over float size',
    unit: times,
    better: 'lower',
    of: undefined,
    isMain: false,
    isSingle: true,
    read: ({ float, quantized }) => ({ value: quantized.sizeBytes / float.sizeBytes }),
  },
  {
    name: 'speedup',
    summary: 'float time over quantized time, on the machine of the run',
    unit: times,
    better: 'higher',
    of: undefined,
    isMain: true,
    isSingle: true,
    read: ({ timing: { speed } }) => (speed ? { value: speed.ratio } : { missing: 'nothing was timed' }),
  },
];
