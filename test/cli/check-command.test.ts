import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TargetCheck } from '../../src/report/target-check.js';
import { example, runCommand } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('quantize check', () => {
  it('names rules, sources and places, and ends in 1 where a needed rule is broken', async () => {
    const model = join(temporaryFolder(), 'a.onnx');
    const data = ['--data', example('digits-calib.npy'), '--scale', '1/16', '--samples', '16', '--quiet'];
    await runCommand(example('digits.onnx'), ...data, '-o', model);
    const fine = await runCommand('check', model, '--target', 'onnxruntime');
    expect([fine.code, fine.stdout]).toEqual([0, 'a.onnx  meets what onnxruntime asks\n']);
    const broken = await runCommand('check', model, '--target', 'tensorrt', '--json');
    expect(broken.code).toBe(1);
    const { holds, rules } = JSON.parse(broken.stdout) as TargetCheck;
    expect(holds).toBe(false);
    const found = rules.find(({ name }) => name === 'activation-types');
    expect(found?.breaches[0]).toEqual({ node: 'image_q', problem: 'QuantizeLinear of uint8' });
    expect(found?.source).toContain('https://');
  });

  it('refuses a float model, and a target that is not known', async () => {
    const float = await runCommand('check', example('digits.onnx'), '--target', 'qnn');
    expect([float.code, float.stderr]).toEqual([2, expect.stringContaining('is not quantized')]);
    const unknown = await runCommand('check', example('digits.onnx'), '--target', 'abc');
    expect(unknown.code).toBe(2);
  });
});
