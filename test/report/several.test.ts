import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { severalLines, verdictOfAll, writeIndex } from '../../src/report/several.js';
import { fullResult } from '../support/full-result.js';
import { checkMarkup } from '../support/markup.js';
import { sampleResult } from '../support/result.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const failed = fullResult();
const passed = fullResult({ gates: failed.gates.filter(({ passed: holds }) => holds) });

test('the verdict of all is that of the worst', () => {
  expect(verdictOfAll([passed, sampleResult()])).toEqual({ verdict: 'passed', text: 'all 2 models passed' });
  expect(verdictOfAll([passed, failed])).toEqual({ verdict: 'failed', text: '1 of 2 models failed' });
  const warned = fullResult({ gates: failed.gates.filter(({ level }) => level === 'warn') });
  expect(verdictOfAll([passed, warned]).verdict).toBe('warned');
  const lines = severalLines([passed, failed]).trimEnd().split('\n');
  expect(lines[0]).toContain('1 of 2 models failed');
  expect(lines[2]).toContain('FAILED');
});

test('the index leads to each page, by a relative address that is nothing else', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'out'));
  const path = join(folder, 'out', 'index.html');
  const hostile = fullResult({ quantized: { ...failed.quantized, name: '"><script>' } });
  await writeIndex(path, [
    { result: passed, reports: [join(folder, 'out', 'a.xml'), join(folder, 'pages', 'a b#?.html')] },
    { result: hostile, reports: [] },
  ]);
  const page = readFileSync(path, 'utf8');
  checkMarkup(page, 'html');
  expect([...page.matchAll(/href="([^"]+)"/g)].map(([, href]) => href)).toEqual([
    'data:,',
    './../pages/a%20b%23%3F.html',
  ]);
  expect(page).toContain('&quot;&gt;&lt;script&gt;');
});
