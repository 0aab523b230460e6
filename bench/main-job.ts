import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureProcess, type ProcessCost } from './measure-process.js';

/**
 * The whole main job against Python's onnxruntime.quantization on the same model and images, run in turn.
 *
 *     npm run bench -- MODEL.onnx IMAGES.npy [PYTHON] [ROUNDS]
 *
 * IMAGES.npy: uint8 NHWC; PYTHON: an interpreter that has onnx, onnxruntime and numpy. Prints medians, and the ratio of
 * each to ours. Our run does more: it also evaluates both models on all samples and times them.
 */
async function main(model: string, images: string, python = 'python3', rounds = '3'): Promise<void> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'quantize-bench-'));
  const out = join(folder, 'out.onnx');
  const ours = [join(root, 'bin/quantize'), model, '--data', images, '--preprocess', 'imagenet', '-o', out];
  const peer = (method: string) => [
    join(root, 'bench/peers/onnxruntime_static.py'),
    model,
    images,
    out,
    method,
  ];
  const contestants: Readonly<Record<string, readonly [command: string, args: readonly string[]]>> = {
    'quantize, minmax': [process.execPath, ours],
    'quantize, mse': [process.execPath, [...ours, '--observer', 'mse']],
    'onnxruntime (Python), minmax': [python, peer('minmax')],
    'onnxruntime (Python), entropy': [python, peer('entropy')],
  };
  const costs = new Map<string, ProcessCost[]>();
  for (let round = 0; round < Number(rounds); round++) {
    for (const [name, [command, args]] of Object.entries(contestants)) {
      costs.set(name, [...(costs.get(name) ?? []), await measureProcess(command, args)]);
    }
  }
  rmSync(folder, { recursive: true });

  const [first = { seconds: 1, peakBytes: 1 }] = [...costs.values()].map(medianCost);
  console.log('| | seconds | × ours | peak MiB | × ours |\n|---|---|---|---|---|');
  for (const [name, runs] of costs) {
    const { seconds, peakBytes } = medianCost(runs);
    const cells = [
      name,
      seconds.toFixed(1),
      (seconds / first.seconds).toFixed(2),
      (peakBytes / 2 ** 20).toFixed(0),
      (peakBytes / first.peakBytes).toFixed(2),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

function medianCost(runs: readonly ProcessCost[]): ProcessCost {
  return {
    seconds: median(runs.map((run) => run.seconds)),
    peakBytes: median(runs.map((run) => run.peakBytes)),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const [model, images, python, rounds] = process.argv.slice(2);
if (!model || !images) throw new Error('usage: npm run bench -- MODEL.onnx IMAGES.npy [PYTHON] [ROUNDS]');
await main(model, images, python, rounds);
