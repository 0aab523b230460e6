import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QuantizeError } from '../src/errors.js';
import type { QuantizeOptions } from '../src/options.js';
import type { GivenRecipe } from '../src/recipe.js';
import type { Result } from '../src/report/result.js';
import { quantize } from '../src/run/quantize.js';

/** A model, and how it is calibrated. */
interface Subject extends Omit<QuantizeOptions, 'recipe' | 'output'> {
  readonly name: string;
}

/** What a guard runs every model under: each kind of weight, activation and file at least once. */
const recipes: Readonly<Record<string, GivenRecipe>> = {
  w8a8: {},
  'w4a8 minmax': { bits: 4, scheme: 'minmax', refine: 'none' },
  'w4a8 kmeans': { bits: 4, scheme: 'kmeans' },
  'w4a8 wentropy': { bits: 4, scheme: 'wentropy' },
  'w4a8 log': { bits: 4, scheme: 'log' },
  w4a4: { bits: 4, activations: { bits: 4 } },
  'w4a4 log tables': { bits: 4, activations: { bits: 4, levels: 'log' } },
  'w2a8 kmeans': { bits: 2, scheme: 'kmeans' },
  'w8 only': { activations: { kind: 'float' } },
  'w4 only': { activations: { kind: 'float' }, bits: 4 },
  'w3 only kmeans': { activations: { kind: 'float' }, bits: 3, scheme: 'kmeans' },
  dynamic: { activations: { kind: 'dynamic' } },
  'matmulnbits 4': { activations: { kind: 'float' }, bits: 4, format: 'matmulnbits' },
  'matmulnbits 8': { activations: { kind: 'float' }, bits: 8, format: 'matmulnbits' },
  'per tensor': { granularity: 'tensor' },
  'all layers': { bits: 4, allLayers: true },
  'exclude *1*': { exclude: ['*1*'] },
};

/** Keys of a record that differ from run to run and from machine to machine. */
const passing = new Set(['timing', 'speed', 'machine', 'reproduce', 'warnings']);

/**
 * The SHA-256 of the file and of the record less its times, of every model under every recipe: run it before a change
 * that is to change nothing, and again behind it.
 *
 *     node dist/bench/fingerprints.js SUBJECTS.json OUT.json [BEFORE.json]
 *
 * SUBJECTS.json: [{ "name", "model", "data", "preprocess", … }, …], the options of `quantize`.
 */
async function main(subjectsPath: string, out: string, before: string | undefined): Promise<void> {
  const subjects = JSON.parse(readFileSync(subjectsPath, 'utf8')) as Subject[];
  const folder = mkdtempSync(join(tmpdir(), 'quantize-fingerprints-'));
  const prints: Record<string, string> = {};
  try {
    for (const { name, ...options } of subjects) {
      for (const [label, recipe] of Object.entries(recipes)) {
        const key = `${name}, ${label}`;
        prints[key] = await fingerprint({ ...options, recipe, output: join(folder, 'model.onnx') });
        process.stderr.write(`${key}: ${prints[key]}\n`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  writeFileSync(out, `${JSON.stringify(prints, undefined, 2)}\n`);
  if (before === undefined) return;
  const old = JSON.parse(readFileSync(before, 'utf8')) as Record<string, string>;
  const keys = [...new Set([...Object.keys(old), ...Object.keys(prints)])];
  const changed = keys.filter((key) => old[key] !== prints[key]);
  for (const key of changed) console.log(`${key}\n  before ${old[key]}\n  now    ${prints[key]}`);
  console.log(`${keys.length - changed.length} as they were, ${changed.length} changed`);
  process.exitCode = changed.length === 0 ? 0 : 1;
}

async function fingerprint(options: QuantizeOptions): Promise<string> {
  try {
    const result = await quantize(options);
    return `file ${result.quantized.sha256.slice(0, 16)} record ${digestOf(result)}`;
  } catch (thrown) {
    if (thrown instanceof QuantizeError) return `refused: ${thrown.code}`;
    throw thrown;
  }
}

function digestOf(result: Result): string {
  const text = JSON.stringify(result, (key, value: unknown) => (passing.has(key) ? undefined : value));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

const [subjects, out, before] = process.argv.slice(2);
if (subjects === undefined || out === undefined) {
  console.error('node dist/bench/fingerprints.js SUBJECTS.json OUT.json [BEFORE.json]');
  process.exitCode = 2;
} else {
  await main(subjects, out, before);
}
