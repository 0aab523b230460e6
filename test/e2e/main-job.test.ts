import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parseNpy } from '../../calibration/readers/npy-format.js';
import { decodeModel } from '../../src/proto/decode.js';
import type { Result } from '../../src/report/result.js';
import { withSession } from '../../src/runtime/session.js';
import { example, runCommand } from '../support/command.js';
import { externalBytes, modelFolder, rawBytes } from '../support/external-model.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const data = ['--data', example('digits-calib.npy'), '--scale', '1/16'];
const labelled = ['--eval-data', example('digits-test.npy'), '--labels', example('digits-test-labels.npy')];

/** Top-1 accuracy of a model file on the labelled digits, by a loop that shares nothing with the command's. */
async function accuracyOf(path: string): Promise<number> {
  const images = parseNpy('', readFileSync(example('digits-test.npy')));
  const labels = parseNpy('', readFileSync(example('digits-test-labels.npy'))).data;
  const pixels = 64;
  return withSession(readFileSync(path), { mode: 'default' }, async (session) => {
    let right = 0;
    for (let i = 0; i < labels.length; i++) {
      // One channel: NHWC and NCHW are the same bytes.
      const image = Float32Array.from(
        images.data.slice(i * pixels, (i + 1) * pixels) as Uint8Array,
        (v) => v / 16,
      );
      const feed = { image: { type: 'float32' as const, dims: [1, 1, 8, 8], data: image } };
      const scores = Array.from((await session.run(feed)).get('logits')?.data ?? [], Number);
      if (scores.indexOf(Math.max(...scores)) === Number(labels[i])) right++;
    }
    return right / labels.length;
  });
}

test('quantizes the sample at 8 bits, and reports what an independent run of the file finds', async () => {
  const output = join(temporaryFolder(), 'digits-int8.onnx');
  const { code, stdout, stderr } = await runCommand(
    example('digits.onnx'),
    ...data,
    ...labelled,
    '-o',
    output,
    '--json',
  );
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const result = JSON.parse(stdout) as Result;
  expect(result.schemaVersion).toBe(4);
  expect(result.task?.float).toBeCloseTo(795 / 797, 10);
  expect(result.task?.quantized).toBe(await accuracyOf(output));
  expect(result.task?.quantized).toBeGreaterThan(0.99);
  expect(result.quantized.sizeBytes).toBe(readFileSync(output).byteLength);
  expect(result.quantized.sizeBytes).toBeLessThan(0.3 * result.float.sizeBytes);
  expect(result.outputs[0]?.deployed.sqnrDb).toBeGreaterThan(30);
  expect(result.plan.layers.every((layer) => layer.quantized)).toBe(true);
});

test('4-bit weights take half a byte each, and the terminal table says so', async () => {
  const output = join(temporaryFolder(), 'digits-w4.onnx');
  const args = [...data, ...labelled, '--bits', '4', '--all-layers', '--refine', 'none', '-o', output];
  const { code, stdout } = await runCommand(example('digits.onnx'), ...args);
  expect(code).toBe(0);
  expect(stdout).toMatch(/top-1\s+99\.75 %/);
  expect(stdout).toMatch(/6 of 6 layers quantized, nothing stays float/);
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  // 82,368 weights at half a byte, of a float file with four bytes each.
  expect(readFileSync(output).byteLength).toBeLessThan(
    0.17 * readFileSync(example('digits.onnx')).byteLength,
  );
  expect(await accuracyOf(output)).toBeGreaterThan(0.98);
});

test('the same input, options and seed give the same bytes, whatever the number of threads', async () => {
  const folder = temporaryFolder();
  const files = ['a.onnx', 'b.onnx'].map((name) => join(folder, name));
  const args = [
    example('digits.onnx'),
    ...data,
    '--samples',
    '40',
    '--seed',
    '3',
    '--bits',
    '4',
    '--observer',
    'mse',
  ];
  for (const [index, file] of files.entries()) {
    const { code } = await runCommand(...args, '--threads', String(index + 1), '-o', file);
    expect(code).toBe(0);
  }
  const [a, b] = files.map((file) => readFileSync(file));
  expect(a?.equals(b as Buffer)).toBe(true);
});

test('without samples it quantizes weights only, says so, and names the output by its recipe', async () => {
  const folder = temporaryFolder();
  const model = join(folder, 'digits.onnx');
  copyFileSync(example('digits.onnx'), model);
  const { code, stdout } = await runCommand(model, '--bits', '4');
  expect(code).toBe(0);
  expect(stdout).toContain('Weights only');
  expect(stdout).toContain('random input');
  const output = join(folder, 'digits.w4.onnx');
  expect(existsSync(output)).toBe(true);
  const written = decodeModel(readFileSync(output));
  expect(written.graph.nodes.some((node) => node.opType.includes('QuantizeLinear'))).toBe(false);
  expect(await accuracyOf(output)).toBeGreaterThan(0.98);
});

test('a model with external data gives the file that it gives as one file', async () => {
  const model = decodeModel(readFileSync(example('digits.onnx')));
  const weights = [...model.graph.initializers].filter(([, { dims }]) => dims.length >= 2);
  const files = Object.fromEntries(weights.map(([name], i) => [`weights/${i}.bin`, rawBytes(model, name)]));
  const places = Object.fromEntries(weights.map(([name], i) => [name, { location: `weights/${i}.bin` }]));
  const path = modelFolder({ 'model.onnx': externalBytes(model, places), ...files });
  const outputs = ['a', 'b'].map((name) => join(dirname(path), `${name}.onnx`));
  for (const [i, input] of [path, example('digits.onnx')].entries()) {
    const { code, stderr } = await runCommand(input, '--bits', '4', '-o', outputs[i] ?? '');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }
  const [a, b] = outputs.map((output) => readFileSync(output));
  expect(a?.equals(b as Buffer)).toBe(true);
});

test('inspect prints the plan without data', async () => {
  const { code, stdout } = await runCommand(
    'inspect',
    example('digits.onnx'),
    '--exclude',
    '/stem/Conv',
    '--bits',
    '4',
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/\/stem\/Conv_output_0 .* float: --exclude "\/stem\/Conv"/);
  expect(stdout).toMatch(
    /\/separable\/depthwise\/Conv_output_0\s+Conv\s+64×1×3×3\s+inner\s+kmeans 4 bits a channel/,
  );
  expect(stdout).toContain('BatchNormalization and channel constants fold into the layer before them (5)');
});
