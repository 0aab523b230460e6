import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defaultLimits } from '../../src/load/limits.js';
import type { QuantizeOptions } from '../../src/options.js';
import { quantize, quantizeWithin } from '../../src/run/quantize.js';
import { withSession } from '../../src/runtime/session.js';
import { externalBytes, modelFolder, rawBytes } from '../support/external-model.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';
import { npyBytes } from '../support/npy.js';

/** Every model is large, and nothing of it is held. */
const large = { ...defaultLimits, heldBytes: 1, largeBytes: 1 };
/** And no weight fits into the .onnx file. */
const beyondOneFile = { ...large, fileBytes: 4096 };

/** x [1, 32] → Gemm (twice its product) → Relu → MatMul → y [1, 32], the weights beside the model, and samples. */
function write(): { path: string; data: string; output: (name: string) => string } {
  const g = new GraphBuilder();
  g.input('x', [1, 32]);
  g.constant('w1', [32, 64], randomFloats(32 * 64, 1));
  g.constant('b1', [64], randomFloats(64, 2));
  g.constant('w2', [64, 32], randomFloats(64 * 32, 3));
  g.node('Gemm', ['x', 'w1', 'b1'], 'h', { alpha: 2.5 });
  g.node('MatMul', [g.node('Relu', ['h'], 'r'), 'w2'], 'y');
  g.output('y', [1, 32]);
  const model = g.build();
  const path = modelFolder({
    'model.onnx': externalBytes(model, {
      w1: { location: 'model.onnx.data', offset: 0, length: 8192 },
      w2: { location: 'model.onnx.data', offset: 8192, length: 8192 },
    }),
    'model.onnx.data': Buffer.concat([rawBytes(model, 'w1'), rawBytes(model, 'w2')]),
    'data.npy': npyBytes('<f4', [16, 32], randomFloats(16 * 32, 5)),
  });
  mkdirSync(join(dirname(path), 'out'));
  return {
    path,
    data: join(dirname(path), 'data.npy'),
    output: (name) => join(dirname(path), 'out', name),
  };
}

describe('a large model gives what a small one gives', () => {
  test.each<[string, (data: string) => Partial<QuantizeOptions>]>([
    ['with samples', (data) => ({ data })],
    ['weights alone, 8 bits', () => ({ recipe: { bits: 8 } })],
    ['weights alone, 4 bits', () => ({ recipe: { bits: 4, allLayers: true } })],
  ])('%s', async (_, optionsOf) => {
    const { path, data, output } = write();
    const options = { model: path, threads: 1, ...optionsOf(data) };
    const expected = await quantize({ ...options, output: output('a.onnx') });
    const one = await quantizeWithin({ ...options, output: output('b.onnx') }, large);
    const two = await quantizeWithin({ ...options, output: output('c.onnx') }, beyondOneFile);

    const names = readdirSync(dirname(output('a')));
    const hidden = names.map((name) => name.replace(/-[0-9a-f]{16}\./, '-<hash>.'));
    expect(hidden).toEqual(['a.onnx', 'b.onnx', 'c-<hash>.onnx.data', 'c.onnx']);
    expect(readFileSync(output('b.onnx')).equals(readFileSync(output('a.onnx')))).toBe(true);
    expect(two.quantized.sizeBytes).toBe(
      statSync(output('c.onnx')).size + statSync(output(names[2] ?? '')).size,
    );
    for (const result of [one, two]) {
      for (const part of ['outputs', 'layers', 'plan', 'fold', 'float'] as const) {
        expect(result[part], part).toEqual(expected[part]);
      }
    }
    const feed = randomFeed('x', [1, 32], 7);
    const [a, c] = await Promise.all(
      ['a.onnx', 'c.onnx'].map((name) =>
        withSession(output(name), { mode: 'default', threads: 1 }, (session) => session.run(feed)),
      ),
    );
    expect(c).toEqual(a);
  });
});

test('the second file never takes the place of one that the model reads', async () => {
  const { path } = write();
  const source = join(dirname(path), 'model.onnx.data');
  const linked = join(dirname(path), 'other.onnx');
  // -o other.onnx puts its data beside it, under a name of its own.
  const model = readFileSync(path).toString('latin1').replaceAll('model.onnx.data', 'other.onnx.data');
  writeFileSync(path, Buffer.from(model, 'latin1'));
  writeFileSync(`${linked}.data`, readFileSync(source));
  const before = readFileSync(`${linked}.data`);
  await quantizeWithin({ model: path, output: linked }, beyondOneFile);
  expect(readFileSync(`${linked}.data`).equals(before)).toBe(true);
  expect(existsSync(linked)).toBe(true);
});

test('a failure on the way leaves no file', async () => {
  const { path, data, output } = write();
  const onStep = (step: string) => {
    if (step === 'evaluate') throw new Error('stopped');
  };
  const options = { model: path, output: output('q.onnx'), data, onStep };
  await expect(quantizeWithin(options, beyondOneFile)).rejects.toThrow('stopped');
  expect(readdirSync(dirname(output('a')))).toEqual([]);
});
