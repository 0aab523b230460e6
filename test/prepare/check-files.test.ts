import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkModel, checkOutputs, filesRead } from '../../src/prepare/check-files.js';
import { example, runIn } from '../support/command.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('every file that options name is read', () => {
  const options = {
    model: 'm',
    stats: 's',
    baseline: 'b',
    metric: 'k',
    sources: ['c'],
    data: ['x=d', 'e'],
    evalData: 'f',
    labels: 'l',
  };
  expect(filesRead(options)).toEqual(['m', 's', 'b', 'k', 'c', 'x=d', 'd', 'e', 'f', 'l']);
});

test('an output that is read is refused, by every name; what is not there yet may be written', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'samples'));
  for (const name of ['model.onnx', 'samples/input_0.pb', 'samples/report.html'])
    writeFileSync(join(folder, name), 'text');
  symlinkSync('samples', join(folder, 'link'));
  const inputs = ['model.onnx', 'samples'].map((name) => join(folder, name));
  for (const name of ['model.onnx', 'samples/input_0.pb', 'link/input_0.pb'])
    await expectRefusal(() => checkOutputs([join(folder, name)], inputs), 'output-is-input', 2);
  for (const name of ['other.onnx', 'samples/report.html', 'samples/input_1.pb'])
    await checkOutputs([join(folder, name)], inputs);
});

test('--auto does not write over the recipe that it was given', async () => {
  const folder = temporaryFolder();
  copyFileSync(example('digits.onnx'), join(folder, 'm.onnx'));
  const recipe = join(folder, 'q.recipe.json');
  writeFileSync(recipe, '{"observer":"mse"}');
  const data = ['--data', example('digits-calib.npy'), '--scale', '1/16', '--samples', '8'];
  const auto = ['--auto', '--max-size', '1MB', '--recipe', recipe];
  const outcome = await runIn(folder, ['m.onnx', ...data, ...auto, '-o', 'q.onnx']);
  expect(outcome).toMatchObject({ code: 2 });
  expect(outcome.stderr).toContain('q.recipe.json is the input itself');
  expect(readFileSync(recipe, 'utf8')).toBe('{"observer":"mse"}');
});

test('a model that is not there, or is a folder, is refused by its name', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'a.onnx'), 'model');
  await checkModel(join(folder, 'a.onnx'));
  await expectRefusal(() => checkModel(join(folder, 'b.onnx')), 'file-missing', 2);
  const error = await expectRefusal(() => checkModel(folder), 'model-folder', 2);
  expect(error.hint).toBe(`Give the model in it: ${join(folder, 'a.onnx')}.`);
  for (const name of ['c', 'd', 'e', 'f', 'g']) writeFileSync(join(folder, `${name}.onnx`), 'model');
  const many = await expectRefusal(() => checkModel(folder), 'model-folder', 2);
  expect(many.hint).toMatch(/ or \S+e\.onnx, or one of 2 others\.$/);
});
