import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QuantizeError, quantize } from '../src/index.js';

/** Refusals that are an answer: the runtime has no kernel, the model takes or gives what cannot be held, and the like. */
const answers: ReadonlySet<string> = new Set([
  ...[
    'nothing-to-quantize',
    'runtime-refused-input',
    'runtime-failed',
    'input-unsupported',
    'no-output-held',
  ],
  ...['operator-too-new', 'operator-unconvertible', 'already-quantized', 'model-too-old', 'model-too-new'],
]);

/** Least SQNR of weights in 8 bits that counts as close, in dB: an error of a hundredth of the signal's power. */
const CLOSE_DB = 20;

/** Operators whose result jumps where their input changes by the last digit, or is random: nothing of it can be close. */
const jumping =
  /^test_(arg(max|min)_default_axis_example.*|hardmax.*|reciprocal|tan|training_dropout.*)\.sandwich/;

/** One model of the suite, quantized as a user without samples would. */
async function outcomeOf(model: string, output: string): Promise<string> {
  try {
    const { outputs, evaluation } = await quantize({ model, output });
    if (evaluation.kind === 'none') return 'quantized, not measured';
    const isClose = outputs.every(({ deployed: { sqnrDb } }) => sqnrDb === null || sqnrDb >= CLOSE_DB);
    return isClose ? 'quantized and close' : 'quantized, far off';
  } catch (thrown) {
    if (!(thrown instanceof QuantizeError)) return 'a bug';
    return answers.has(thrown.code) ? `refused: ${thrown.code}` : `unexpected: ${thrown.code}`;
  }
}

/**
 * The node cases that `bench/backend/export_cases.py` wrote, counted by what came of them.
 *
 *     npm run build && node dist/bench/backend.js FOLDER [every nth [the least that must be quantized and close]]
 */
const [folder = '.', stride = '1', least = '0'] = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), 'backend-'));
const counts = new Map<string, number>();
const odd: string[] = [];
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.onnx') && !jumping.test(name))
  .sort()
  .filter((_, i) => i % Number(stride) === 0);
for (const name of files) {
  const outcome = await outcomeOf(join(folder, name), join(work, 'quantized.onnx'));
  counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  if (!outcome.startsWith('refused') && outcome !== 'quantized and close') odd.push(`${name}: ${outcome}`);
}
rmSync(work, { recursive: true });
console.log(`${files.length} models`);
for (const [outcome, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${count}\t${outcome}`);
for (const line of odd) console.log(line);
const close = counts.get('quantized and close') ?? 0;
if (close < Number(least)) console.log(`only ${close} are quantized and close, where ${least} were`);
const isWrong = odd.some((line) => / (a bug|unexpected.*|quantized, far off)$/.test(line));
process.exitCode = isWrong || close < Number(least) ? 1 : 0;
