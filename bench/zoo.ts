import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { reasonOf } from '../src/errors.js';
import { decodeModel } from '../src/proto/decode.js';
import type { Result } from '../src/report/result.js';
import { fusedShare } from './fused-share.js';

/** What is run on every model; the columns show them in this order. */
const recipes = [
  { name: 'W8A8', flags: [] },
  { name: 'W4A8', flags: ['--bits', '4', '--scheme', 'minmax', '--refine', 'none'] },
] as const;

/** One model in one recipe. */
interface Outcome {
  readonly result: Result;
  /** Drift of the first float output; null where it is float to the last bit. */
  readonly sqnrDb: number | null;
  /** Share of the multiply-accumulates on integer kernels. */
  readonly fused: number;
}

/** What went wrong, in one line. */
interface Failure {
  readonly failure: string;
}

/** The columns, each cell of one run in words. */
const cells: Readonly<Record<string, (outcome: Outcome) => string>> = {
  'drift, SQNR dB': ({ sqnrDb }) => sqnrDb?.toFixed(1) ?? 'none',
  'layers quantized': ({ result: { plan } }) =>
    `${plan.layers.filter((layer) => layer.quantized).length} of ${plan.layers.length}`,
  'fused share': ({ fused }) => `${(100 * fused).toFixed(0)} %`,
  'speed, × float': ({ result }) => result.timing.speed?.ratio.toFixed(2) ?? '–',
  'size, ÷ float': ({ result }) => (result.float.sizeBytes / result.quantized.sizeBytes).toFixed(2),
};

/**
 * Quantize every model of a folder with its samples, and print one Markdown table.
 *
 *     npm run bench:zoo -- ZOO_DIR [OUT.md]
 *
 * ZOO_DIR: NAME.onnx, each with NAME.npz, or with NAME-calib.npz and NAME-eval.npz. A model that fails is a row too.
 */
async function main(zoo: string, out: string | undefined): Promise<void> {
  const names = readdirSync(zoo).filter((file) => file.endsWith('.onnx'));
  const folder = mkdtempSync(join(tmpdir(), 'quantize-zoo-'));
  const rows: string[][] = [];
  try {
    for (const file of names.sort()) rows.push(await measureModel(join(zoo, file), folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
  const head = ['model', ...Object.keys(cells), 'failure'];
  const table = [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');
  process.stdout.write(table);
  if (out) writeFileSync(out, table);
}

/** The row of one model: in each cell the recipes in turn. */
async function measureModel(model: string, folder: string): Promise<string[]> {
  const outcomes: (Outcome | Failure)[] = [];
  for (const { flags } of recipes) outcomes.push(await measure(model, flags, folder));
  const name = basename(model, '.onnx');
  process.stderr.write(`${name}\n`);
  const failures = outcomes.flatMap((outcome, i) =>
    'failure' in outcome ? [`${recipes[i]?.name}: ${outcome.failure}`] : [],
  );
  const texts = Object.values(cells).map((cell) =>
    joinAlike(outcomes.map((o) => ('failure' in o ? '–' : cell(o)))),
  );
  return [name, ...texts, failures.join('; ')].map((text) => text.replaceAll('|', '\\|'));
}

/** What is the same for every recipe is said once. */
const joinAlike = (texts: readonly string[]): string =>
  new Set(texts).size === 1 ? (texts[0] ?? '') : texts.join(' / ');

async function measure(model: string, flags: readonly string[], folder: string): Promise<Outcome | Failure> {
  const quantized = join(folder, 'quantized.onnx');
  try {
    const { calibration, evaluation } = samplesOf(model);
    const data = ['--data', calibration, ...(evaluation ? ['--eval-data', evaluation] : [])];
    const result = await runCommand([model, ...data, ...flags, '--json', '-o', quantized]);
    const fused = await fusedShare(quantized, evaluation ?? calibration, join(folder, 'optimized.onnx'));
    return { result, sqnrDb: firstFloatDrift(result, quantized), fused };
  } catch (thrown) {
    return { failure: reasonOf(thrown).replaceAll(/\s+/g, ' ').trim() };
  }
}

function samplesOf(model: string): { calibration: string; evaluation: string | undefined } {
  const stem = model.slice(0, -'.onnx'.length);
  return existsSync(`${stem}-calib.npz`)
    ? { calibration: `${stem}-calib.npz`, evaluation: `${stem}-eval.npz` }
    : { calibration: `${stem}.npz`, evaluation: undefined };
}

/** @throws Error with what the command wrote to stderr, where it fails */
async function runCommand(args: readonly string[]): Promise<Result> {
  const command = fileURLToPath(new URL('../../bin/quantize', import.meta.url));
  // Without a limit of its own: the record of a large model has many layers.
  const options = { maxBuffer: Number.POSITIVE_INFINITY };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [command, ...args], options);
    return JSON.parse(stdout) as Result;
  } catch (thrown) {
    const said = (thrown as { stderr?: string }).stderr;
    throw said ? new Error(said, { cause: thrown }) : thrown;
  }
}

function firstFloatDrift(result: Result, quantized: string): number | null {
  const { outputs } = decodeModel(readFileSync(quantized)).graph;
  const float = outputs.find((output) => output.dataType?.startsWith('float'));
  const drift = result.outputs.find((output) => output.name === float?.name);
  if (!drift) throw new Error('no output is float');
  return drift.deployed.sqnrDb;
}

const [zoo, out] = process.argv.slice(2);
if (!zoo) throw new Error('usage: npm run bench:zoo -- ZOO_DIR [OUT.md]');
await main(zoo, out);
