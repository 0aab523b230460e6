import { completeRecipe, type GivenRecipe } from '../../src/recipe.js';
import type { SweepRecord, SweepResult } from '../../src/sweep/record.js';

/** A result with one output of class scores. */
export function sweepResult(
  name: string,
  sizeBytes: number,
  { accuracy = 0.9, sqnrDb = 20 as number | null, recipe = {} as GivenRecipe, labelled = true } = {},
): SweepResult {
  return {
    name,
    recipe: completeRecipe(recipe),
    sizeBytes,
    sha256: 'cc',
    outputs: [{ name: 'logits', sqnrDb, cosine: 0.99, topOneAgreement: accuracy }],
    task: labelled ? taskOf(0.92, accuracy) : null,
    speed: null,
  };
}

/** Accuracies on 1,000 samples. */
const taskOf = (float: number, quantized: number): SweepResult['task'] => {
  const drop = float - quantized;
  const topOneDrop = {
    lost: Math.round(1000 * drop),
    gained: 0,
    drop,
    low: drop,
    high: drop,
    isSignificant: true,
  };
  return { output: 'logits', samples: 1000, classes: 10, float, quantized, topOneDrop, topFive: null };
};

/** A record of some results. */
export function sweepRecord(
  results: readonly SweepResult[],
  changes: Partial<SweepRecord> = {},
): SweepRecord {
  return {
    schemaVersion: 2,
    tool: { name: 'onnx-quantize', version: '0.0.0' },
    runtime: { name: 'onnxruntime', version: '1.30.0', provider: 'cpu' },
    machine: { platform: 'linux', arch: 'x64', cpu: 'a cpu', cores: 2, features: [] },
    basis: { model: 'm', samples: 's', environment: 'e' },
    float: { name: 'net.onnx', sizeBytes: 1_000_000, sha256: 'aa' },
    calibration: null,
    evaluation: { label: 'test.npy', samples: 1000, preprocess: 'none', kind: 'evaluation' },
    results,
    missing: 0,
    front: [],
    choice: null,
    others: [],
    ...changes,
  };
}
