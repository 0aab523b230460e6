import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import type { Result } from '../../src/report/result.js';
import { example, runCommand } from '../support/command.js';
import { sampleResult } from '../support/result.js';
import { resultSchema } from '../support/result-schema.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const published = new URL('../../schema/result.schema.json', import.meta.url);
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync(published, 'utf8')),
);
const errorsOf = (record: unknown) => {
  validate(record);
  return validate.errors ?? [];
};

test('what is published is what the types say: `npx vitest run test/report/schema.test.ts -u` writes it anew', async () => {
  const text = `${JSON.stringify(resultSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot('../../schema/result.schema.json');
});

test('a real result is valid, with and without samples', async () => {
  const model = ['--bits', '4', '-o', join(temporaryFolder(), 'q.onnx'), '--json'];
  const data = ['--data', example('digits-calib.npy'), '--scale', '1/16', '--samples', '16'];
  const labelled = ['--eval-data', example('digits-test.npy'), '--labels', example('digits-test-labels.npy')];
  for (const args of [[...data, ...labelled], []]) {
    const { code, stdout } = await runCommand(example('digits.onnx'), ...model, ...args);
    expect(code).toBe(0);
    expect(errorsOf(JSON.parse(stdout))).toEqual([]);
  }
});

test.each<[string, (record: Result) => object]>([
  ['another version', (record) => ({ ...record, schemaVersion: 1 })],
  ['a part that is missing', ({ task, ...record }) => record],
  ['a part that is not known', (record) => ({ ...record, elapsed: 1 })],
  ['a size that is no number', (record) => ({ ...record, float: { ...record.float, sizeBytes: '1' } })],
  ['a level that does not exist', (record) => ({ ...record, gates: [{ ...gate, level: 'fatal' }] })],
])('%s is invalid', (_, change) => {
  expect(errorsOf(sampleResult())).toEqual([]);
  expect(errorsOf(change(sampleResult()))).not.toEqual([]);
});

const gate = { gate: 'size<1MB', value: 1, shown: '1 B', passed: true, reason: null };
