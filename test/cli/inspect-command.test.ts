import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../../src/cli/run.js';
import type { Inspection } from '../../src/report/inspection.js';
import { example } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

async function planOf(...args: string[]): Promise<Inspection> {
  let text = '';
  const stdout = {
    write: (part: string) => {
      text += part;
    },
  };
  const argv = ['node', 'quantize', 'inspect', example('digits.onnx'), '--json', ...args];
  await run({ argv, stdout, stderr: { write() {} } });
  return JSON.parse(text) as Inspection;
}

it('shows the plan of a recipe file, and flags beside it win', async () => {
  const path = join(temporaryFolder(), 'a.recipe.json');
  const rules = [{ pattern: '/stem/Conv', bits: 7 }];
  writeFileSync(path, JSON.stringify({ scheme: 'kmeans', bits: 3, allLayers: true, rules }));
  const widths = ({ plan }: Inspection) => plan.layers.map(({ quantized }) => quantized?.bits);
  const found = await planOf('--recipe', path);
  expect(found.recipe).toMatchObject({ scheme: 'kmeans', bits: 3, allLayers: true, rules });
  expect(found.recipe.activations).toMatchObject({ kind: 'static', observer: 'mse' });
  expect(new Set(widths(found))).toEqual(new Set([3, 7]));
  const other = await planOf('--recipe', path, '--bits', '5', '--rule', '/stem/Conv:bits=6');
  expect(other.recipe).toMatchObject({ scheme: 'kmeans', bits: 5 });
  expect(new Set(widths(other))).toEqual(new Set([5, 6]));
});
