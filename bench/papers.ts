import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type GivenRecipe, type QuantizeOptions, quantize } from '../src/index.js';

/** A trained model, and the samples of both settings. */
interface Subject {
  readonly name: string;
  readonly model: string;
  readonly preprocess?: string;
  /** Without labels. */
  readonly data: string;
  readonly trainData: string;
  readonly trainLabels: string;
  readonly evalData: string;
  readonly labels: string;
}

/** How weights and activations start, and what learns them. */
interface Method {
  readonly name: string;
  readonly scheme: string;
  readonly observer: string;
  readonly config?: 1 | 2 | 3 | 4;
  readonly granularity?: 'tensor';
  readonly weights: string;
  readonly activations: string;
}

const lsqplus = { scheme: 'lsqplus', observer: 'lsqplus', weights: 'lsqplus' } as const;
const mse = { scheme: 'mse', observer: 'mse' } as const;

/** Rows of the tables 2 to 4 of LSQ+ (Bhalgat et al. 2020). */
const quantizers: readonly Method[] = [
  { name: 'LSQ', ...mse, weights: 'lsq', activations: 'lsq' },
  { name: 'LSQ+ configuration 1', ...lsqplus, config: 1, activations: 'lsqplus-1' },
  { name: 'LSQ+ configuration 2', ...lsqplus, config: 2, activations: 'lsqplus-2' },
  { name: 'LSQ+ configuration 3', ...lsqplus, config: 3, activations: 'lsqplus-3' },
  { name: 'LSQ+ configuration 4', ...lsqplus, config: 4, activations: 'lsqplus' },
  { name: 'PACT', ...mse, weights: 'lsq', activations: 'pact' },
  { name: 'DSQ', ...mse, weights: 'dsq', activations: 'dsq' },
  { name: 'QIL', ...mse, weights: 'qil', activations: 'qil' },
];

/** Its table 5: where weights and activations start. */
const starts: readonly Method[] = [
  { name: 'min-max', scheme: 'minmax', observer: 'minmax', weights: 'lsqplus', activations: 'lsqplus' },
  { name: 'least squares', ...mse, weights: 'lsqplus', activations: 'lsqplus' },
  { name: 'LSQ+', ...lsqplus, config: 4, activations: 'lsqplus' },
];

/** Its table 6: the offset. */
const offsets: readonly Method[] = [
  { name: 'β = 0', ...lsqplus, config: 1, activations: 'lsqplus-1' },
  { name: 'β = the least value', ...lsqplus, observer: 'minmax', activations: 'lsq' },
  { name: 'β learned', ...lsqplus, config: 4, activations: 'lsqplus' },
];

/** Weighted entropy beside others, weights alone, before and after learning (Park et al. 2017). */
const codebooks: readonly Method[] = ['wentropy', 'log', 'mse', 'kmeans'].map((scheme) => ({
  ...{ name: scheme, scheme, observer: 'mse', weights: 'auto', activations: 'keep' },
}));

/** Simulated W8A8 of Jacob et al. (2018): one scale a tensor, ranges of activations by moving averages. */
const integers: readonly Method[] = ['minmax', 'ema'].map((observer) => ({
  ...{ name: observer, scheme: 'minmax', observer, weights: 'lsqplus', activations: 'lsqplus' },
  granularity: 'tensor',
}));

const tables = { quantizers, starts, offsets, codebooks, integers };

/** What learns: from the float outputs on samples without labels, or from labels alone as in the papers. */
const settings = {
  unlabelled: (steps: number, { weights, activations }: Method): string =>
    `distill:steps=${steps}:weights=${weights}:activations=${activations}`,
  labelled: (steps: number, { weights, activations }: Method): string =>
    `finetune:steps=${steps}:teacher=0:weights=${weights}:activations=${activations}`,
  unrefined: (): string => 'none',
  /** The closed forms, nothing learned. */
  closed: (): string => 'auto',
} as const;

/**
 * Rows of the papers' tables: top-1 of every method, trained for so many steps; a mean and a spread where there are several
 * seeds.
 *
 *     npm run bench:papers -- SUBJECT.json --table quantizers --setting labelled --widths 2,4 --steps 300 [--seeds 1] [--rows LSQ,PACT]
 *       [--start second-order] [--act-bits 8] [--out rows.md]
 *
 * SUBJECT.json: { "name", "model", "preprocess", "data", "trainData", "trainLabels", "evalData", "labels" }
 */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      table: { type: 'string', default: 'quantizers' },
      setting: { type: 'string', default: 'labelled' },
      widths: { type: 'string', default: '2,3,4' },
      steps: { type: 'string', default: '300' },
      seeds: { type: 'string', default: '1' },
      rows: { type: 'string' },
      start: { type: 'string' },
      'act-bits': { type: 'string' },
      out: { type: 'string' },
    },
  });
  const subject = JSON.parse(readFileSync(positionals[0] ?? '', 'utf8')) as Subject;
  const rows = values.rows?.split(',');
  const methods = tables[values.table as keyof typeof tables].filter(
    ({ name }) => !rows || rows.includes(name),
  );
  const refine = settings[values.setting as keyof typeof settings];
  const widths = values.widths.split(',').map(Number);
  const say = (line: string) => {
    process.stdout.write(`${line}\n`);
    if (values.out) writeFileSync(values.out, `${line}\n`, { flag: 'a' });
  };
  const heads = widths.map((width) => `W${width}A${values['act-bits'] ?? width}`);
  const start = values.start ? `${values.start}, ` : '';
  say(`| ${subject.name}, ${start}${values.setting}, ${values.steps} steps | ${heads.join(' | ')} |`);
  say(`| --- |${widths.map(() => ' --- |').join('')}`);
  for (const method of methods) {
    const cells: string[] = [];
    for (const width of widths) {
      const found: number[] = [];
      for (let seed = 0; seed < Number(values.seeds); seed++) {
        const text = [values.start ?? [], refine(Number(values.steps), method)].flat().join();
        const actBits = Number(values['act-bits'] ?? width);
        found.push(await topOne(subject, recipeOf(method, width, actBits, text), seed));
      }
      cells.push(summary(found));
    }
    say(`| ${method.name} | ${cells.join(' | ')} |`);
  }
}

function recipeOf(method: Method, bits: number, actBits: number, refine: string): GivenRecipe {
  const { scheme, observer, config, granularity } = method;
  return {
    ...{ scheme, bits, refine, ...(granularity && { granularity }) },
    activations: {
      ...{ bits: actBits, observer },
      ...(config && { observerSettings: { lsqplusConfig: config } }),
    },
  };
}

async function topOne({ name: _, ...files }: Subject, recipe: GivenRecipe, seed: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'quantize-papers-'));
  const { trainData, trainLabels, ...others } = files;
  const isLabelled = recipe.refine?.includes('finetune');
  try {
    const { task } = await quantize({
      ...others,
      ...(isLabelled && { trainData, trainLabels }),
      ...{ recipe, seed, suggest: false, output: join(folder, 'model.onnx') },
    } as QuantizeOptions);
    return task?.quantized ?? Number.NaN;
  } catch (thrown) {
    process.stderr.write(`${JSON.stringify(recipe)}: ${thrown}\n`);
    return Number.NaN;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function summary(found: readonly number[]): string {
  const mean = found.reduce((sum, each) => sum + each, 0) / found.length;
  const percent = (value: number) => (100 * value).toFixed(2);
  if (found.length === 1) return `${percent(mean)} %`;
  const squares = found.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  return `${percent(mean)} ± ${percent(Math.sqrt(squares / (found.length - 1)))} %`;
}

await main();
