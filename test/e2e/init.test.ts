import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeModel } from '../../src/proto/encode.js';
import { example, runIn } from '../support/command.js';
import { randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { npyBytes } from '../support/npy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function project(): string {
  const folder = temporaryFolder();
  for (const name of ['digits.onnx', 'digits-calib.npy', 'digits-test.npy', 'digits-test-labels.npy'])
    copyFileSync(example(name), join(folder, name));
  return folder;
}

const withLabels = ['--eval-data', 'digits-test.npy', '--labels', 'digits-test-labels.npy'];

test('init writes a configuration that ci passes without editing, and says what it stands on', async () => {
  const folder = project();
  const made = await runIn(folder, [
    ...['init', 'digits.onnx', 'digits-calib.npy', ...withLabels, '--ci', 'github', '--quiet'],
  ]);
  expect([made.code, made.stderr]).toEqual([0, '']);
  // The digits have 16 grey levels.
  expect(made.stdout).toMatch(/preprocessing: scale 1\/16.*, by the accuracy of the float model/);
  expect(made.stdout).toContain('wrote .github/workflows/quantize.yml');
  const config = JSON.parse(readFileSync(join(folder, 'quantize.config.json'), 'utf8'));
  expect(config).toMatchObject({
    ...{ model: 'digits.onnx', data: 'digits-calib.npy', labels: 'digits-test-labels.npy' },
    preprocess: { scale: '1/16' },
  });
  expect(config.gates[0]).toBe('top1_drop<=0.5%');
  expect(readFileSync(join(folder, '.github/workflows/quantize.yml'), 'utf8')).toMatch(
    /run: npx --yes onnx-quantize@\S+ ci --config quantize\.config\.json$/m,
  );

  const looked = await runIn(folder, ['doctor']);
  expect([looked.code, looked.stdout.includes('✗')]).toEqual([0, false]);
  const checked = await runIn(folder, ['ci', '--quiet', '--no-suggest']);
  expect([checked.code, checked.stdout.split('\n')[0]]).toEqual([0, 'PASSED  all 3 gates passed']);
  expect(existsSync(join(folder, 'quantize-report.html'))).toBe(true);

  const again = await runIn(folder, ['init', 'digits.onnx', 'digits-calib.npy', '--quiet']);
  expect(again.code).toBe(2);
  expect(again.stderr).toBe(
    'error: There is a quantize.config.json already.\nGive another file with -o, or --force to write over it.\n',
  );
});

test('doctor names what would not work, with the exit code of a run', async () => {
  const folder = project();
  const config = { model: 'digits.onnx', data: 'digits-calb.npy', preprocess: 'none' };
  writeFileSync(join(folder, 'quantize.config.json'), JSON.stringify(config));
  const { code, stdout } = await runIn(folder, ['doctor', '--json']);
  expect(code).toBe(2);
  const found = JSON.parse(stdout) as { subject: string; state: string; text: string }[];
  expect(found.filter(({ state }) => state === 'wrong')).toEqual([
    expect.objectContaining({ subject: 'digits.onnx: samples', text: 'There is no file digits-calb.npy.' }),
  ]);
  const gated = { ...config, data: 'digits-calib.npy', gates: ['top1_drop<=1%'] };
  writeFileSync(join(folder, 'quantize.config.json'), JSON.stringify(gated));
  expect((await runIn(folder, ['doctor'])).stdout).toContain(
    '✗ digits.onnx: gates: a gate on accuracy has no labels',
  );
  const none = await runIn(temporaryFolder(), ['doctor']);
  expect(none.code).toBe(0);
  expect(none.stdout).toContain('! configuration: there is none here');
});

test('init of a model with several inputs writes what ci reads', async () => {
  const folder = temporaryFolder();
  const net = new Net();
  for (const name of ['a', 'b']) net.input(name, ['batch', 6]);
  net.node('Add', [net.gemm('a', 'x', 6, 6), net.gemm('b', 'y', 6, 6)], 'sum');
  writeFileSync(join(folder, 'two.onnx'), encodeModel(finish(net, 'sum', ['batch', 6])));
  for (const [name, seed] of [
    ['a', 1],
    ['a2', 2],
    ['b', 3],
  ] as const)
    writeFileSync(
      join(folder, `${name}.npy`),
      npyBytes('<f4', [name === 'b' ? 16 : 8, 6], randomFloats(96, seed).subarray(0, name === 'b' ? 96 : 48)),
    );
  const samples = ['a=a.npy', 'a=a2.npy', 'b=b.npy'];
  const made = await runIn(folder, ['init', 'two.onnx', ...samples, '--quiet']);
  expect([made.code, made.stderr]).toEqual([0, '']);
  const config = JSON.parse(readFileSync(join(folder, 'quantize.config.json'), 'utf8'));
  expect(config.data).toEqual({ a: ['a.npy', 'a2.npy'], b: 'b.npy' });
  expect((await runIn(folder, ['ci', '--quiet', '--no-suggest'])).code).toBe(0);

  const mixed = await runIn(folder, [
    'init',
    'two.onnx',
    ...samples.slice(0, 2),
    'b.npy',
    '--force',
    '--quiet',
  ]);
  expect([mixed.code, mixed.stderr]).toEqual([
    2,
    expect.stringContaining('Write input=path for each of them.'),
  ]);
});

test('init of a model of embeddings measures their directions, and ci holds them', async () => {
  const folder = temporaryFolder();
  const net = new Net();
  net.input('x', ['batch', 6]);
  const hidden = net.node('Relu', [net.gemm('x', 'a', 6, 16)], 'hidden');
  writeFileSync(
    join(folder, 'e.onnx'),
    encodeModel(
      finish(net, net.node('Identity', [net.gemm(hidden, 'b', 16, 16)], 'sentence_embedding'), ['batch', 16]),
    ),
  );
  writeFileSync(join(folder, 'x.npy'), npyBytes('<f4', [32, 6], randomFloats(192, 1)));
  const made = await runIn(folder, ['init', 'e.onnx', 'x.npy', '--quiet']);
  expect([made.code, made.stderr]).toEqual([0, '']);
  expect(made.stdout).toMatch(
    /^metric: embedding, by vectors in sentence_embedding \[\d+, 16\], by its name$/m,
  );
  const config = JSON.parse(readFileSync(join(folder, 'quantize.config.json'), 'utf8'));
  expect([config.metric, config.gates[0]]).toEqual(['embedding', 'user.mean_cosine>=0.97']);
  const checked = await runIn(folder, ['ci', '--quiet', '--no-suggest']);
  expect([checked.code, checked.stdout.split('\n')[0]]).toEqual([0, 'PASSED  all 3 gates passed']);
});
