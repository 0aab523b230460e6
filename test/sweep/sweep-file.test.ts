import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readFinished, serializeSweep } from '../../src/sweep/sweep-file.js';
import { expectRefusal } from '../support/refusal.js';
import { sweepRecord, sweepResult } from '../support/sweep.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const [a, b] = [sweepResult('a', 10), sweepResult('b', 20, { sqnrDb: null, labelled: false })];
const record = sweepRecord([a], { others: [b] });

function file(text: string): string {
  const path = join(temporaryFolder(), 'sweep.json');
  writeFileSync(path, text);
  return path;
}

it('gives back every result of its file, those that were not asked for too', async () => {
  expect(await readFinished(file(serializeSweep(record)), record.basis)).toEqual([a, b]);
  expect(await readFinished(join(temporaryFolder(), 'nowhere.json'), record.basis)).toEqual([]);
});

it.each(['model', 'samples', 'environment'] as const)('refuses the sweep of another %s', async (part) => {
  const basis = { ...record.basis, [part]: 'other' };
  const { message } = await expectRefusal(
    () => readFinished(file(serializeSweep(record)), basis),
    'sweep-other',
    2,
  );
  expect(message).toContain('sweep.json holds the sweep of another');
});

it.each([
  ['', 'JSON'],
  [serializeSweep(record).slice(0, 900), 'JSON'],
  ['[]', 'no object'],
  ['{}', 'no version'],
  [JSON.stringify({ ...record, schemaVersion: 1 }), 'version is 1'],
  [JSON.stringify({ ...record, basis: null }), 'what it is of'],
  [JSON.stringify({ ...record, results: {} }), 'no results'],
  [JSON.stringify({ ...record, results: [{ ...a, sizeBytes: '10' }] }), 'damaged'],
  [JSON.stringify({ ...record, results: [{ ...a, outputs: [{ sqnrDb: 'x' }] }] }), 'damaged'],
  [JSON.stringify({ ...record, others: [{ ...a, recipe: undefined }] }), 'damaged'],
  [JSON.stringify({ ...record, others: [{ ...a, task: { samples: 1 } }] }), 'damaged'],
])('refuses what is no sweep file: %#', async (text, reason) => {
  const { message } = await expectRefusal(() => readFinished(file(text), record.basis), 'sweep-format', 2);
  expect(message).toContain(reason);
});
