import { defaultRecipe } from '../../src/recipe.js';
import type { Result } from '../../src/report/result.js';

const drift = {
  sqnrDb: 30.44,
  cosine: 0.99955,
  relativeL2: 0.03006,
  maxAbsError: 1.4321,
  topOneAgreement: 0.9918,
  topFiveAgreement: 0.9998,
  nonFiniteMismatches: 0,
  shapeMismatches: 0,
  samples: 5000,
};

/** The time of one run in a result. */
export const usualSpeed = { floatMs: 0.865, quantizedMs: 0.403, ratio: 2.19, runs: 800, threads: 1 };

/** A result record with every part filled in, as a run would make it; `changes` replace parts of it. */
export function sampleResult(changes: Partial<Result> = {}): Result {
  return {
    schemaVersion: 4,
    tool: { name: 'onnx-quantize', version: '0.0.0' },
    runtime: { name: 'onnxruntime', version: '1.30.0', provider: 'cpu' },
    machine: { platform: 'linux', arch: 'x64', cpu: 'a cpu', cores: 2, features: ['avx2', 'avx512_vnni'] },
    command: 'quantize',
    recipe: { ...defaultRecipe, bits: 4 },
    float: { name: 'net.onnx', sizeBytes: 1_116_434, sha256: 'aa', irVersion: 8, opset: 17 },
    quantized: { name: 'net.minmax-w4a8.onnx', sizeBytes: 176_000, sha256: 'bb', oldestRuntime: '1.17' },
    calibration: { label: 'calib.npy', samples: 512, preprocess: '--preprocess imagenet' },
    evaluation: { label: 'test.npy', samples: 5000, preprocess: '--preprocess imagenet', kind: 'evaluation' },
    fold: [{ pass: 'affine-into-previous', summary: 'BatchNormalization folds', changes: 19 }],
    plan: {
      layers: [layer('conv1_out', 8, 'first'), layer('conv2_out', 4, 'inner'), layer('fc_out', 8, 'last')],
      activations: [{ name: 'x', bits: 8, parametersOf: 'x' }],
      float: [],
    },
    activations: [
      {
        name: 'x',
        observer: 'lsqplus',
        bits: 8,
        scheme: 'uniform',
        levels: 256,
        scale: 0.0625,
        zeroPoint: 3,
        range: { min: -0.2, max: 15.7 },
        degenerate: null,
        offset: { lowest: -0.19, error: 0.0003, roundedError: 0.0004, exactError: null },
      },
    ],
    sets: [],
    metric: null,
    outputs: [
      {
        name: 'logits',
        quantizedName: 'logits',
        matchedBy: 'name',
        deployed: drift,
        exact: { ...drift, sqnrDb: 30.6, samples: 128 },
        kernels: { ...drift, sqnrDb: 45, samples: 128 },
        optimizations: {
          float: { ...drift, sqnrDb: 130, samples: 8 },
          quantized: { ...drift, sqnrDb: 45, samples: 8 },
        },
        errors: { p50: 0.12, p90: 0.31, p99: 0.64, p999: 1.02 },
        embedding: {
          meanCosine: 0.99941,
          leastCosine: 0.9713,
          rankCorrelation: 0.9987,
          rankedSamples: 256,
          isUnitLength: false,
        },
      },
    ],
    task: {
      output: 'logits',
      samples: 5000,
      classes: 10,
      float: 0.9162,
      quantized: 0.9014,
      // 4,581 and 4,507 right: 74 more are lost than gained.
      topOneDrop: {
        lost: 121,
        gained: 47,
        drop: 0.0148,
        low: 0.00984,
        high: 0.02006,
        isSignificant: true,
      },
      topFive: {
        float: 0.9968,
        quantized: 0.996,
        drop: { lost: 9, gained: 5, drop: 0.0008, low: -0.00076, high: 0.00253, isSignificant: false },
      },
    },
    layers: [
      { ...layerTensors('conv1_out'), drift: { ...drift, sqnrDb: 40.1 } },
      { ...layerTensors('conv2_out'), drift: { ...drift, sqnrDb: 12.3 } },
      { ...layerTensors('fc_out'), drift: { ...drift, sqnrDb: null } },
    ],
    portable: null,
    comparison: null,
    metrics: [],
    refinements: [],
    origins: [],
    suggestions: [],
    search: null,
    boxes: null,
    float16: null,
    distributions: [],
    mistakes: [],
    gates: [],
    baseline: null,
    reproduce: 'quantize net.onnx --data calib.npy --preprocess imagenet --bits 4',
    warnings: [],
    pictures: [],
    history: [],
    classNames: null,
    network: [
      { id: 'x', opType: 'Input', from: [] },
      { id: 'conv1_out', opType: 'Conv', from: [0] },
      { id: 'conv2_out', opType: 'Conv', from: [1] },
      { id: 'add_out', opType: 'Add', from: [1, 2] },
      { id: 'fc_out', opType: 'Conv', from: [3] },
    ],
    timing: {
      speed: usualSpeed,
      elapsedMs: 13_000,
      at: '2030-01-02T03:04:05.678Z',
    },
    ...changes,
  };
}

const layerTensors = (id: string) => ({
  id,
  matchedBy: 'plan' as const,
  floatTensor: id,
  quantizedTensor: `${id}_q`,
});

function layer(
  id: string,
  bits: number,
  position: 'first' | 'inner' | 'last',
): Result['plan']['layers'][number] {
  const quantized = {
    bits,
    scheme: 'minmax',
    granularity: 'channel',
    inputBits: 8,
    runs: 'integer' as const,
    note: null,
    askedBits: null,
    raisedChannels: 0,
  };
  return {
    id,
    name: null,
    opType: 'Conv',
    position,
    inside: null,
    weight: `${id}_w`,
    dims: [8, 3, 3, 3],
    quantized,
    reason: null,
  };
}
