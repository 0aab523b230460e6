import type { Distribution } from '../../src/evaluate/distribution.js';
import type { Result } from '../../src/report/result.js';
import { sampleResult } from './result.js';
import { searchRecord } from './search-record.js';

/** A red pixel. */
const RED =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

const histogram = (id: string, kind: Distribution['kind'], levels: number): Distribution => ({
  id,
  kind,
  tensor: `${id}_${kind}`,
  channel: kind === 'weight' ? 5 : null,
  block: null,
  edges: Array.from({ length: 65 }, (_, i) => (i - 32) / 32),
  counts: Array.from({ length: 64 }, (_, i) => Math.max(0, 900 - (i - 32) ** 2)),
  levels: Array.from({ length: levels }, (_, i) => -1 + (2 * i) / (levels - 1)),
});

/** A result in which nothing is missing: gates of every outcome, origins, suggestions, distributions, mistakes. */
export function fullResult(changes: Partial<Result> = {}): Result {
  const base = sampleResult();
  return {
    ...base,
    origins: base.layers.map(({ id, drift }, i) => ({
      id,
      kind: 'layer',
      ownDb: 20 + i,
      accumulatedDb: drift.sqnrDb,
      effectDb: 30 - i,
      weightEffectDb: 33 - i,
      inputEffectDb: i === 1 ? null : 35,
      saturated: i === 1 ? null : 0.0123,
      deadLevels: i,
      levels: 16,
    })),
    suggestions: [
      {
        id: 'conv2_out',
        flag: "--rule 'conv2_out:bits=8'",
        costBytes: 18_432,
        tried: { beforeDb: 30.4, afterDb: 33.1 },
      },
      { id: 'conv1_out', flag: "--exclude 'conv1_out'", costBytes: 120_000, tried: null },
    ],
    distributions: [histogram('conv2_out', 'weight', 16), histogram('conv2_out', 'input', 256)],
    mistakes: [
      { sample: 17, source: 'cats/a.png', label: 3, float: 3, quantized: 5, margin: 1.25, thumbnail: RED },
      { sample: 4, source: null, label: 0, float: 0, quantized: 8, margin: 0.5, thumbnail: null },
    ],
    search: searchRecord,
    metrics: [{ name: 'mean_iou', float: 0.7123, quantized: null }],
    gates: [
      {
        ...{ gate: 'top1_drop<0.5%', level: 'error', value: 0.0148, shown: '1.48 %', passed: false },
        ...{ limit: '< 0.50 %', margin: '−0.98 points', reason: null },
      },
      {
        ...{ gate: 'size<300KB', level: 'error', value: 176_000, shown: '176 kB', passed: true },
        ...{ limit: '< 300 kB', margin: '+124 kB', reason: null },
      },
      {
        gate: 'sqnr[logits]>=31',
        level: 'warn',
        value: 30.44,
        shown: '30.4 dB',
        passed: false,
        limit: '≥ 31.0 dB',
        margin: '−0.6 dB',
        reason: null,
      },
      {
        gate: 'mean_iou_drop<1%',
        level: 'error',
        value: null,
        shown: 'not measured',
        passed: false,
        limit: '< 1.00 %',
        margin: null,
        reason: 'the metric module gave no finite number for the quantized model',
      },
    ],
    baseline: {
      name: 'main.json',
      changes: [{ metric: 'top1', before: 0.912, after: 0.9014, shown: '−1.06 points' }],
    },
    warnings: ['The integer kernels of this machine lose more of output "logits" than the quantization.'],
    ...changes,
  };
}

/** The same with every name replaced by one that would break out of wherever it is put. */
export function hostileResult(name: string): Result {
  const full = fullResult();
  const replaced = new Set([
    'conv1_out',
    'conv2_out',
    'fc_out',
    'logits',
    'calib.npy',
    'test.npy',
    'net.onnx',
  ]);
  const rename = (value: unknown): unknown => {
    if (typeof value === 'string') {
      let text = value;
      for (const each of replaced) text = text.replaceAll(each, name);
      return text;
    }
    if (Array.isArray(value)) return value.map(rename);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rename(inner)]));
  };
  return rename(full) as Result;
}

/** The same on two sets of samples, with what a task found. */
export function resultOfSets(): Result {
  const base = fullResult();
  const { outputs, task } = base;
  const metrics = [
    { name: 'f1', float: 1, quantized: 0.82 },
    { name: 'boxes', float: 12, quantized: 10 },
  ];
  const set = (name: string, quantized: number) => ({
    ...{ name, label: `${name}.npy`, samples: 5000, preprocess: '--preprocess imagenet', outputs, metrics },
    task: task && { ...task, quantized },
  });
  return {
    ...base,
    metrics,
    metric: 'detection',
    sets: [set('day', 0.9014), set('a-night-with-a-long-name', 0.86)],
  };
}
