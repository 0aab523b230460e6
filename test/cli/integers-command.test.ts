import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { IntegerFile } from '../../src/integer/serialize.js';
import type { IntegersFound } from '../../src/report/integers.js';
import { example, runCommand } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const data = ['--data', example('digits-calib.npy'), '--scale', '1/16', '--samples', '16', '--quiet'];

describe('quantize integers', () => {
  it('writes what --save-integers writes, tells M0 and n, and runs it beside onnxruntime', async () => {
    const folder = temporaryFolder();
    const [model, file, again] = ['a.onnx', 'a.json', 'b.json'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const made = await runCommand(example('digits.onnx'), ...data, '-o', model, '--save-integers', file);
    expect(made.code).toBe(0);
    const { operators } = JSON.parse(readFileSync(file, 'utf8')) as IntegerFile;
    expect(
      operators.filter(({ operator }) => operator === 'conv' || operator === 'fully-connected'),
    ).toHaveLength(6);

    const { code, stdout } = await runCommand('integers', model, ...data, '-o', again, '--json');
    expect(code).toBe(0);
    expect(readFileSync(again).equals(readFileSync(file))).toBe(true);
    const found = JSON.parse(stdout) as IntegersFound;
    expect(found.isIntegerOnly).toBe(true);
    expect(found.measured?.samples).toBe(16);

    const inspected = await runCommand('inspect', model);
    expect(inspected.stdout).toContain('runs in integers alone between its first code and its last');
    expect(inspected.stdout).toMatch(/M0 +n +sums below/);
  });

  it('is refused for what has no integers, in a sentence', async () => {
    const { code, stderr } = await runCommand('integers', example('digits.onnx'), ...data);
    expect(code).toBe(2);
    expect(stderr).toContain('does not run in integers alone: of Conv');
  });

  it.each([[['--act-bits', 'float']], [['--dynamic']]])('has nothing to write with %s', async (flags) => {
    const folder = temporaryFolder();
    const args = [
      ...flags,
      '-o',
      join(folder, 'a.onnx'),
      '--save-integers',
      join(folder, 'a.json'),
      '--quiet',
    ];
    const { code, stderr } = await runCommand(example('digits.onnx'), ...args);
    expect(code).toBe(2);
    expect(stderr).toContain('--save-integers finds no layer that runs on integers of fixed ranges');
  });
});
