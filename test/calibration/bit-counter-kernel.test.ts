import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import loadWabt from 'wabt';
import { KERNEL } from '../../calibration/bit-counter-kernel.js';

const pathOf = (name: string) => fileURLToPath(new URL(`../../calibration/${name}`, import.meta.url));

/** The bytes of the text format, made by the WebAssembly Binary Toolkit. */
async function compiled(): Promise<string> {
  const { parseWat } = await loadWabt();
  const module = parseWat('bit-counter.wat', readFileSync(pathOf('bit-counter.wat'), 'utf8'), { simd: true });
  module.validate();
  return Buffer.from(module.toBinary({}).buffer).toString('base64');
}

test('the bytes are those of the text beside them', async () => {
  const lines = (await compiled()).match(/.{1,100}/g) ?? [];
  const text = `/** bit-counter.wat, compiled by its test: WebAssembly in base64. */
export const KERNEL =
${lines.map((line) => `  '${line}'`).join(' +\n')};
`;
  await expect(text).toMatchFileSnapshot(pathOf('bit-counter-kernel.ts'));
});

test('they are a module of what the program calls', () => {
  const bytes = Buffer.from(KERNEL, 'base64');
  expect(bytes.subarray(0, 8).toString('hex')).toBe('0061736d01000000');
  for (const name of ['memory', 'count', 'drain']) expect(bytes.includes(name)).toBe(true);
});
