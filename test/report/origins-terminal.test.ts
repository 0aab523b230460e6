import { expect, test } from 'vitest';
import { originsTable, whatToDo } from '../../src/report/origins-terminal.js';
import { sampleResult } from '../support/result.js';

const origin = (id: string, effectDb: number | null) => ({
  kind: 'layer' as const,
  ...{ id, effectDb, ownDb: 21.04, accumulatedDb: 18, weightEffectDb: effectDb, inputEffectDb: null },
  ...{ saturated: null, deadLevels: 1, levels: 16 },
});

test('the worst layers are those of the largest effect at the output', () => {
  const origins = [origin('a', 30), origin('b', null), origin('c', 12.34), origin('d', 20), origin('e', 25)];
  const lines = originsTable(sampleResult({ origins }));
  expect(lines.map((line) => line.trim().split(/\s+/)[0])).toEqual(['worst', 'c', 'd', 'e', 'SQNR']);
  expect(lines[1]).toMatch(/ 21\.0 dB +12\.3 dB +12\.3 dB +–$/);
});

test('a table of long names fits 80 columns', () => {
  const origins = [origin(`/model/${'deep/'.repeat(20)}Conv_output_0`, 9.5)];
  for (const line of originsTable(sampleResult({ origins }))) expect(line.length).toBeLessThanOrEqual(80);
});

test('each suggestion is a flag, its cost, and what came of it; names are made harmless', () => {
  const suggestions = [
    { id: 'a', flag: "--rule 'a:bits=8'", costBytes: 9020, tried: { beforeDb: 15.6, afterDb: 21.6 } },
    { id: 'b', flag: "--rule 'b\u001b[2J:bits=8'", costBytes: -12, tried: { beforeDb: 15.6, afterDb: null } },
    { id: 'c', flag: "--exclude 'c'", costBytes: 0, tried: null },
    { id: 'd', flag: "--exclude 'd'", costBytes: 175, tried: { beforeDb: 20.9, afterDb: 20.8 } },
  ];
  const lines = whatToDo(sampleResult({ suggestions }));
  expect(lines.slice(1, 3)).toEqual(["  --rule 'a:bits=8'", '    +9.02 kB, logits 15.6 dB → 21.6 dB']);
  expect(lines[3]).not.toContain('\u001b');
  expect(lines[4]).toBe('    −12 B, logits 15.6 dB → identical');
  expect(lines[6]).toBe('    +0 B, not tried');
  expect(lines[8]).toBe('    +175 B, logits 20.9 dB → 20.8 dB, no help');
});

test('where nothing helps, it says so before it shows the best', () => {
  const tried = { beforeDb: 15.6, afterDb: 16.1 };
  const lines = whatToDo(sampleResult({ suggestions: [{ id: 'a', flag: 'f', costBytes: 1, tried }] }));
  expect(lines[0]).toBe('no flag that was tried gains 1 dB; the best of them');
  expect(lines[2]).toBe('    +1 B, logits 15.6 dB → 16.1 dB, no help');
});

test('nothing is shown of what was not measured', () => {
  expect(originsTable(sampleResult())).toEqual([]);
  expect(whatToDo(sampleResult())).toEqual([]);
});
