import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Result } from '../../src/report/result.js';
import { example, runCommand } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const data = [example('digits.onnx'), '--data', example('digits-calib.npy'), '--scale', '1/16'];
const labelled = ['--eval-data', example('digits-test.npy'), '--labels', example('digits-test-labels.npy')];

async function resultOf(...args: string[]): Promise<{ result: Result; code: number }> {
  const { code, stdout, stderr } = await runCommand(...args, '--json', '--quiet');
  expect(stderr).toBe('');
  return { result: JSON.parse(stdout) as Result, code };
}

test('--auto keeps the drop on samples that it did not see, in a file that the recipe alone makes again', async () => {
  const folder = temporaryFolder();
  const [auto, again] = [join(folder, 'auto.onnx'), join(folder, 'again.onnx')];
  const { result, code } = await resultOf(...data, ...labelled, '--auto', '--max-drop', '1%', '-o', auto);
  expect(code).toBe(0);
  const { search, quantized, float, task, warnings } = result;
  expect(result.reproduce).toMatch(/--gate 'top1_drop<=1%' -o auto\.onnx$/);
  expect(search).toMatchObject({ limits: { maxDrop: 0.01, minSqnrDb: null }, isApart: true, met: true });
  // Of 797 labelled samples every second is the search's.
  expect([search?.search.samples, result.evaluation.samples, task?.samples]).toEqual([398, 399, 399]);
  expect((task?.float ?? 0) - (task?.quantized ?? 1)).toBeLessThanOrEqual(0.01);
  expect(result.gates).toMatchObject([{ gate: 'top1_drop<=1%', passed: true }]);
  // Uniform 8 bits take 0.27 of the float file.
  expect(quantized.sizeBytes).toBeLessThan(0.2 * float.sizeBytes);
  expect(quantized.sizeBytes).toBe(readFileSync(auto).byteLength);
  expect(warnings.filter((warning) => warning.includes('search'))).toEqual([]);

  const recipe = join(folder, 'auto.recipe.json');
  const repeated = await resultOf(...data, '--recipe', recipe, '--threads', '1', '-o', again);
  expect(readFileSync(again).equals(readFileSync(auto))).toBe(true);
  expect(repeated.result.search).toBeNull();
  for (const { id, bits, scheme } of search?.layers ?? [])
    expect(repeated.result.plan.layers.find((layer) => layer.id === id)?.quantized).toMatchObject({
      bits,
      scheme,
    });
});

test('--auto with a scheme and a size takes nothing else and not more, whatever the number of threads', async () => {
  const folder = temporaryFolder();
  const files = ['a.onnx', 'b.onnx'].map((name) => join(folder, name));
  for (const [index, file] of files.entries()) {
    const args = ['--auto', '--max-size', '60KB', '--scheme', 'minmax', '--rule', '/stem/Conv:bits=7'];
    const { result, code } = await resultOf(...data, ...args, '--threads', String(index + 1), '-o', file);
    expect(code).toBe(0);
    expect(new Set(result.search?.layers.map(({ scheme }) => scheme))).toEqual(new Set(['minmax']));
    expect(result.search?.layers.find(({ id }) => id === '/stem/Conv_output_0')?.bits).toBe(7);
    expect(result.quantized.sizeBytes).toBeLessThanOrEqual(60_000);
    // The most accurate model of that size is not much smaller.
    expect(result.quantized.sizeBytes).toBeGreaterThan(50_000);
    expect(result.search?.attempts).toHaveLength(1);
  }
  const [a, b] = files.map((file) => readFileSync(file));
  expect(a?.equals(b as Buffer)).toBe(true);
});

test('--auto that cannot keep its limits writes what comes nearest, says so, and exits with 1', async () => {
  const output = join(temporaryFolder(), 'out.onnx');
  const args = ['--auto', '--min-sqnr', '90', '-o', output, '--quiet'];
  const { code, stdout } = await runCommand(...data, ...args);
  expect(code).toBe(1);
  expect(stdout).toContain('found no recipe that keeps the limits');
  expect(stdout).toContain('sqnr>=90');
  expect(existsSync(output)).toBe(true);
});

test.each([
  [['--auto'], '--auto needs a limit'],
  [['--auto', '--max-drop', '1%'], '--max-drop without --labels'],
  [['--auto', '--min-sqnr', '30', '--scheme', 'nothing'], 'nothing'],
])('%j is refused, and told why', async (args, told) => {
  const { code, stderr } = await runCommand(...data, ...args, '-o', join(temporaryFolder(), 'out.onnx'));
  expect(code).toBe(2);
  expect(stderr).toContain(told);
});

test('a report in the place of the recipe, and a recipe that cannot be written, are refused before the search', async () => {
  const folder = temporaryFolder();
  const [output, recipe] = [join(folder, 'out.onnx'), join(folder, 'out.recipe.json')];
  const args = [...data, '--auto', '--min-sqnr', '30', '-o', output];
  const taken = await runCommand(...args, '--report', recipe);
  expect([taken.code, existsSync(recipe)]).toEqual([2, false]);
  expect(taken.stderr).toContain('out.recipe.json", which is another file of this run');
  mkdirSync(recipe);
  const folded = await runCommand(...args);
  expect([folded.code, existsSync(output)]).toEqual([3, false]);
  expect(folded.stderr).not.toContain('search');
  expect(folded.stderr).toContain('it is a folder');
});

test('--auto without samples is refused', async () => {
  const args = ['--auto', '--min-sqnr', '30', '-o', join(temporaryFolder(), 'out.onnx')];
  const { code, stderr } = await runCommand(example('digits.onnx'), ...args);
  expect(code).toBe(2);
  expect(stderr).toContain('needs samples');
});

test('what --suggest says of a flag is what a run with that flag gives', async () => {
  const folder = temporaryFolder();
  const args = [...data, '--samples', '31', '--bits', '3', '--act-bits', '4', '--all-layers'];
  const { result } = await resultOf(...args, '--suggest', '-o', join(folder, 'a.onnx'));
  expect(result.origins.filter(({ kind }) => kind === 'layer')).toHaveLength(6);
  expect(result.suggestions.length).toBeGreaterThan(1);
  // What helps most comes first, of what is alike the smallest.
  const [first = 0, ...others] = result.suggestions.map(({ tried }) => tried?.afterDb ?? 0);
  expect(others).toEqual([...others].sort((a, b) => b - a));
  expect(first).toBeGreaterThan((others[0] ?? 0) - 0.3);
  for (const [i, { flag, costBytes, tried }] of result.suggestions.slice(0, 2).entries()) {
    const [name = '', value = ''] = flag.split(/ (.*)/s);
    const output = join(folder, `${i}.onnx`);
    const mended = await resultOf(...args, name, value.replaceAll("'", ''), '-o', output);
    expect(mended.result.quantized.sizeBytes - result.quantized.sizeBytes).toBe(costBytes);
    expect(tried?.beforeDb).toBe(result.outputs[0]?.exact.sqnrDb);
    // The float outputs may come from another session, and differ in their last bits.
    expect(tried?.afterDb).toBeCloseTo(mended.result.outputs[0]?.exact.sqnrDb ?? 0, 4);
  }
});

test('--tune-speed says what it found, and the command that it prints makes the same bytes without it', async () => {
  const folder = temporaryFolder();
  const [tuned, again] = [join(folder, 'tuned.onnx'), join(folder, 'again.onnx')];
  const { result, code } = await resultOf(...data, '--no-suggest', '--tune-speed', '-o', tuned);
  expect(code).toBe(0);
  const { tuning } = result.timing;
  expect(tuning?.tried).toBeGreaterThan(0);
  const inFloat = (result.recipe?.rules ?? []).filter(({ actBits }) => actBits === 'float');
  expect(inFloat.map(({ pattern }) => pattern)).toEqual(tuning?.layers);
  const rules = inFloat.flatMap(({ pattern }) => ['--rule', `${pattern}:act-bits=float`]);
  await resultOf(...data, '--no-suggest', ...rules, '-o', again);
  expect(readFileSync(again).equals(readFileSync(tuned))).toBe(true);
  expect(result.reproduce).not.toContain('--tune-speed');

  const refused = await runCommand(...data, '--tune-speed', '--plan', tuned, '-o', again);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('--tune-speed');
});
