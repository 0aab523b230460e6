import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type QuantizeOptions, quantize } from '../src/index.js';

/** Blocks of ResNet-20 that torch_step.py has: the residual ones, between the first and the last layer. */
const BLOCKS = 9;

/** Steps of a block that are not counted: sessions warm up in them. */
const WARM = 2;

const usage =
  'npm run bench:training-step -- RESNET20.onnx IMAGES.npy --preprocess imagenet --python PYTHON [--rounds 3] [--steps 12]';

/**
 * One training step of each residual block of ResNet-20, as `reconstruct` runs it and as PyTorch does, in turn: medians in
 * milliseconds, and their ratio.
 */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      preprocess: { type: 'string', default: 'imagenet' },
      python: { type: 'string', default: 'python3' },
      rounds: { type: 'string', default: '3' },
      steps: { type: 'string', default: '12' },
    },
  });
  const [model, data] = positionals;
  if (!model || !data) throw new Error(usage);
  const steps = Number(values.steps);
  const [ours, theirs]: [number[][], number[][]] = [[], []];
  for (let round = 0; round < Number(values.rounds); round++) {
    ours.push(await ownSteps({ model, data, preprocess: values.preprocess } as QuantizeOptions, steps));
    theirs.push(await torchSteps(values.python, steps));
  }
  const rows = Array.from({ length: BLOCKS }, (_, at) => {
    const [own, torch] = [ours, theirs].map((rounds) => median(rounds.map((each) => each[at] ?? 0)));
    return `| ${at + 1} | ${own?.toFixed(0)} | ${torch?.toFixed(0)} | ${((own ?? 0) / (torch ?? 1)).toFixed(2)} |`;
  });
  const total = (rounds: number[][]) => median(rounds.map((each) => each.reduce((sum, ms) => sum + ms, 0)));
  process.stdout.write(
    [
      '| block | reconstruct (ms) | torch (ms) | ratio |',
      '| --- | --- | --- | --- |',
      ...rows,
      `| all | ${total(ours).toFixed(0)} | ${total(theirs).toFixed(0)} | ${(total(ours) / total(theirs)).toFixed(2)} |`,
      '',
    ].join('\n'),
  );
}

/** The median step of each residual block in this tool, in milliseconds: 4 bits, LSQ, batches of 32. */
async function ownSteps(options: QuantizeOptions, steps: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'quantize-training-'));
  const times = new Map<number, number[]>();
  let last = 0;
  try {
    await quantize({
      ...options,
      suggest: false,
      output: join(folder, 'model.onnx'),
      recipe: {
        ...{ bits: 4, scheme: 'mse', refine: `reconstruct:steps=${steps}` },
        activations: { bits: 4 },
      },
      onProgress: ({ part, done }) => {
        if (part !== 'reconstruct') return;
        const now = performance.now();
        const [block, step] = [Math.floor((done - 1) / steps), (done - 1) % steps];
        if (step >= WARM) times.set(block, [...(times.get(block) ?? []), now - last]);
        last = now;
      },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
  // The first block is the first layer, the last one the classifier.
  return Array.from({ length: BLOCKS }, (_, at) => median(times.get(at + 1) ?? []));
}

async function torchSteps(python: string, steps: number): Promise<number[]> {
  const script = join(import.meta.dirname, '../../bench/peers/torch_step.py');
  const { stdout } = await promisify(execFile)(python, [script, '--steps', String(steps)]);
  return (JSON.parse(stdout) as { blocks: number[] }).blocks;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

await main();
