import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reporters } from '../../src/report/reporters.js';
import { checkReports, writeReports } from '../../src/report/write-reports.js';
import { expectRefusal } from '../support/refusal.js';
import { sampleResult } from '../support/result.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('each in the format that its ending says', async () => {
  const folder = temporaryFolder();
  const paths = ['a.html', 'b.MD', 'c.xml', 'd.json'].map((name) => join(folder, name));
  await checkReports(paths, [join(folder, 'model.onnx')]);
  await writeReports(sampleResult(), paths);
  const starts = paths.map((path) => readFileSync(path, 'utf8').slice(0, 9));
  expect(starts).toEqual(['<!doctype', '### Quant', '<?xml ver', '{\n  "sche']);
  expect(readdirSync(folder).length).toBe(4);
});

test('an ending that is no format is refused, with those that are', async () => {
  const error = await expectRefusal(() => checkReports(['report.pdf']), 'bad-option', 2);
  expect(error.message).toContain('report.pdf');
  const endings = reporters.flatMap(({ ending }) => ending ?? []);
  expect(endings).toContain('.html');
  expect(error.hint).toBe(`End the file's name in one of: ${endings.join(', ')}.`);
});

test('a report never takes the place of another file of the run', async () => {
  const folder = temporaryFolder();
  const [stats, link] = ['stats.json', 'link.json'].map((name) => join(folder, name));
  writeFileSync(stats ?? '', '{}');
  symlinkSync(stats ?? '', link ?? '');
  await expectRefusal(() => checkReports([stats ?? ''], [stats ?? '']), 'bad-option', 2);
  await expectRefusal(() => checkReports([link ?? ''], [stats ?? '']), 'output-is-input', 2);
  await expectRefusal(() => checkReports(['./a.md'], ['a.md']), 'bad-option', 2);
  await expectRefusal(() => checkReports(['a.md', 'a.md']), 'bad-option', 2);
  mkdirSync(join(folder, 'd.html'));
  await expectRefusal(() => checkReports([join(folder, 'd.html')], ['m']), 'file-unwritable', 3);
  await expectRefusal(() => checkReports([join(stats ?? '', 'r.html')], ['m']), 'file-unwritable', 3);
});
