import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rangeSources } from '../calibration/range-sources/range-sources.js';
import { reasonOf } from '../src/errors.js';
import type { Result } from '../src/report/result.js';

/** A model, and the flags that give it samples to calibrate and to measure on. */
interface Subject {
  readonly name: string;
  readonly model: string;
  readonly flags: readonly string[];
  /** Without samples: for the data-free observer. */
  readonly dataFreeFlags?: readonly string[];
}

/** Weights that are the same under every observer. */
const plain = ['--scheme', 'minmax', '--refine', 'none'];

/** Weights and activations; the first and the last layers stay at 8 bits. */
const recipes = [
  { name: 'W8A8', flags: plain },
  { name: 'W4A8', flags: ['--bits', '4', ...plain] },
  { name: 'W4A4', flags: ['--bits', '4', '--act-bits', '4', ...plain] },
] as const;

/**
 * Every observer on some models in three recipes: one Markdown table a model, top-1 where there are labels, and the drift
 * of each output.
 *
 *     npm run bench:observers -- SUBJECTS.json [OUT.md]
 *
 * SUBJECTS.json: [{ "name", "model", "flags": ["--data", …], "dataFreeFlags": […] }, …]
 */
async function main(subjects: readonly Subject[], out: string | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quantize-observers-'));
  let text = '';
  try {
    for (const subject of subjects) {
      text += `### ${subject.name}\n\n| observer | ${recipes.map(({ name }) => name).join(' | ')} |\n`;
      text += `| --- |${recipes.map(() => ' --- |').join('')}\n`;
      for (const { name, from } of rangeSources) {
        const flags = from === 'batch-norm' ? (subject.dataFreeFlags ?? subject.flags) : subject.flags;
        const cells: string[] = [];
        for (const recipe of recipes) {
          const all = [subject.model, ...flags, ...recipe.flags, '--observer', name];
          cells.push(await measure(all, join(folder, 'model.onnx')));
        }
        text += `| ${name} | ${cells.join(' | ')} |\n`;
        process.stderr.write(`${subject.name} ${name}: ${cells.join(' | ')}\n`);
      }
      text += '\n';
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  process.stdout.write(text);
  if (out) writeFileSync(out, text);
}

async function measure(flags: readonly string[], output: string): Promise<string> {
  const command = fileURLToPath(new URL('../../bin/quantize', import.meta.url));
  try {
    const args = [command, ...flags, '-o', output, '--json', '--quiet'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 28 });
    return describe(JSON.parse(stdout) as Result);
  } catch (thrown) {
    const { stderr } = thrown as { stderr?: string };
    return (stderr ?? reasonOf(thrown)).split('\n')[0] ?? '';
  }
}

function describe({ task, outputs }: Result): string {
  const drift = outputs.map(({ exact }) => exact.sqnrDb?.toFixed(1) ?? '–').join(' / ');
  return task ? `${(100 * task.quantized).toFixed(2)} %, ${drift} dB` : `${drift} dB`;
}

const [, , subjects, out] = process.argv;
if (!subjects) throw new Error('give a file of models and their flags');
await main(JSON.parse(readFileSync(subjects, 'utf8')) as Subject[], out);
