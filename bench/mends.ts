import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { observers } from '../calibration/observers/observers.js';
import { run } from '../src/cli/run.js';
import { worstDb } from '../src/evaluate/drift.js';
import { formatDb } from '../src/report/format.js';
import type { Result } from '../src/report/result.js';

/** A model that suffers, and the flags that make it so. */
interface Subject {
  readonly name: string;
  readonly model: string;
  readonly flags: readonly string[];
}

/** dB of the worst output without integer kernels, or of its worst group of channels. */
const judged = ({ outputs }: Result): number =>
  Math.min(...outputs.map(({ exact }) => worstDb(exact) ?? Number.POSITIVE_INFINITY));

/** The record of a run, in this process; undefined where a flag leaves nothing to quantize. */
async function resultOf(words: readonly string[]): Promise<Result | undefined> {
  let text = '';
  const nothing = { write: () => true };
  const stdout = {
    write: (part: string) => {
      text += part;
      return true;
    },
  };
  await run({ argv: ['node', 'quantize', ...words, '--json', '--quiet'], stdout, stderr: nothing });
  return text === '' ? undefined : (JSON.parse(text) as Result);
}

/** Every flag that mends one thing: each layer in float or at 8 bits, each other operator in float, each observer. */
function singleFlags({ plan, activations }: Result): string[][] {
  const layers = plan.layers.filter(({ quantized }) => quantized);
  const names = new Set(layers.map(({ id }) => id));
  const others = [...activations.map(({ name }) => name), ...plan.activations.map(({ name }) => name)];
  return [
    ...layers.map(({ id }) => ['--exclude', id]),
    ...layers.flatMap(({ id, quantized }) =>
      (quantized?.bits ?? 8) < 8 ? [['--rule', `${id}:bits=8`]] : [],
    ),
    ...[...new Set(others)].filter((id) => !names.has(id)).map((id) => ['--exclude', id]),
    ...observers.map(({ name }) => ['--observer', name]),
  ];
}

/** The words of a flag as a shell takes them; the suggestions print them in single quotes. */
const wordsOf = (flag: string): string[] =>
  [...flag.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

/**
 * What `--suggest` prints first against the best single flag there is, by trying all: one Markdown row a model.
 *
 *     npm run bench:mends -- SUBJECTS.json [OUT.md]
 *
 * SUBJECTS.json: [{ "name", "model", "flags": ["--data", …] }, …]
 */
async function main(subjects: readonly Subject[], out: string | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quantize-mends-'));
  let text =
    '| model | as it is | printed first | with it | best of all | with it | within 0.5 dB |\n| --- | --- | --- | --- | --- | --- | --- |\n';
  try {
    for (const { name, model, flags } of subjects) {
      const words = [model, ...flags, '-o', join(folder, 'model.onnx')];
      const before = await resultOf([...words, '--suggest']);
      if (!before) throw new Error(`${name} cannot be quantized`);
      const printed = before.suggestions[0]?.flag ?? '';
      const tried = new Map<string, number>();
      for (const flag of [wordsOf(printed), ...singleFlags(before)]) {
        const result = flag.length > 0 ? await resultOf([...words, ...flag, '--no-suggest']) : before;
        if (result) tried.set(flag.join(' '), judged(result));
      }
      const own = tried.get(wordsOf(printed).join(' ')) ?? judged(before);
      const [best, most] = [...tried].sort(([, a], [, b]) => b - a)[0] ?? ['', own];
      const isBest = own >= most - 0.5;
      const row = [
        name,
        formatDb(judged(before)),
        printed,
        formatDb(own),
        best,
        formatDb(most),
        isBest ? 'yes' : 'no',
      ];
      text += `| ${row.join(' | ')} |\n`;
      process.stderr.write(`${row.join(' | ')}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (out) writeFileSync(out, text);
  process.stdout.write(text);
}

const [subjects = '', out] = process.argv.slice(2);
await main(JSON.parse(readFileSync(subjects, 'utf8')) as Subject[], out);
