import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureProcess, type ProcessCost } from './measure-process.js';

/** A process that is measured. */
type Command = readonly [command: string, args: readonly string[]];

/**
 * Calibration against bare float inference of the same samples and against Python's tools, whole processes run in turn.
 *
 *     npm run bench:calibrate -- MODEL.onnx IMAGES.npy [--python PYTHON] [--nc-python PYTHON] [--histograms]
 *         [--rounds 3] [--quantize] [--max-memory MIB]
 *
 * IMAGES.npy: uint8 NHWC. PYTHON: interpreters with onnxruntime, and with neural-compressor; without one its peer is left
 * out. `--histograms`: the peers' entropy and percentile too, which take up to 15 GB on a ResNet-50. `--quantize`: our
 * main job too, which also evaluates both models on all samples. Prints medians, and each one's ratio to inference.
 */
async function main(): Promise<void> {
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      python: { type: 'string' },
      'nc-python': { type: 'string' },
      histograms: { type: 'boolean', default: false },
      quantize: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '3' },
      'max-memory': { type: 'string' },
    },
  });
  const [model, images] = positionals;
  if (!model || !images) throw new Error('usage: npm run bench:calibrate -- MODEL.onnx IMAGES.npy [flags]');
  const folder = mkdtempSync(join(tmpdir(), 'quantize-bench-'));
  const out = join(folder, 'out.onnx');
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const own = ['--data', images, '--preprocess', 'imagenet', '--quiet', '-o', out];
  const limited = flags['max-memory'] === undefined ? [] : ['--max-memory', flags['max-memory']];
  const bin = join(root, 'bin/quantize');
  const peer = (python: string, script: string, method: string): Command => [
    python,
    [join(root, 'bench/peers', script), model, images, out, method],
  ];
  const { python, 'nc-python': ncPython } = flags;
  const contestants: Record<string, Command> = {
    'float inference': [process.execPath, [join(root, 'dist/bench/float-inference.js'), model, images]],
    'quantize calibrate': [process.execPath, [bin, 'calibrate', model, ...own, ...limited]],
  };
  if (flags.quantize)
    contestants['quantize, whole job'] = [process.execPath, [bin, model, ...own, ...limited]];
  for (const method of ['minmax', ...(flags.histograms ? ['entropy', 'percentile'] : [])]) {
    if (python) contestants[`onnxruntime ${method}`] = peer(python, 'onnxruntime_static.py', method);
  }
  for (const method of ['minmax', ...(flags.histograms ? ['kl'] : [])]) {
    if (ncPython)
      contestants[`neural-compressor ${method}`] = peer(ncPython, 'neural_compressor_static.py', method);
  }
  const costs = new Map<string, ProcessCost[]>();
  try {
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const [name, [command, args]] of Object.entries(contestants)) {
        costs.set(name, [...(costs.get(name) ?? []), await measureProcess(command, args)]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  printTable(costs);
}

function printTable(costs: ReadonlyMap<string, readonly ProcessCost[]>): void {
  const [floor = []] = costs.values();
  console.log('| | seconds | × inference | peak MiB |\n|---|---|---|---|');
  for (const [name, runs] of costs) {
    const seconds = median(runs.map((run) => run.seconds));
    // Each round against the inference of the same round: what disturbs the machine disturbs both.
    const ratio = median(runs.map((run, round) => run.seconds / (floor[round]?.seconds ?? Number.NaN)));
    const peak = median(runs.map((run) => run.peakBytes)) / 2 ** 20;
    console.log(`| ${name} | ${seconds.toFixed(1)} | ${ratio.toFixed(2)} | ${peak.toFixed(0)} |`);
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

await main();
