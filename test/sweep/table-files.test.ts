import { expect, it } from 'vitest';
import { csv } from '../../src/report/csv.js';
import { joinSeeds } from '../../src/sweep/join-seeds.js';
import { renderCsv, renderTex } from '../../src/sweep/table-files.js';
import { fullResult, hostileResult } from '../support/full-result.js';
import { sweepRecord, sweepResult } from '../support/sweep.js';

const run = (accuracy: number, sqnrDb: number) => [sweepResult('a_b', 1000, { accuracy, sqnrDb })];

it('seeds become means and standard deviations of a sample', () => {
  // 90, 91 and 92 %: mean 91, deviation 1 point.
  const [joined] = joinSeeds([run(0.9, 10), run(0.91, 12), run(0.92, 14)], [0, 1, 2]);
  expect(joined?.task?.quantized).toBeCloseTo(0.91, 12);
  expect(joined?.spread?.topOne).toBeCloseTo(0.01, 12);
  expect(joined?.outputs[0]?.sqnrDb).toBe(12);
  expect(joined?.spread?.sqnrDb).toBeCloseTo(2, 12);
  const record = sweepRecord(joined ? [joined] : []);
  expect(renderTex(record)).toContain('91.00 \\% $\\pm$ 1.00');
  expect(renderCsv(record).split('\n')[1]).toMatch(/,3,0\.010+\d*,0\.010+\d*,2$/);
});

it('LaTeX takes no command from a name, and the front is bold', () => {
  const evil = '\\input{x}_&%';
  const tex = renderTex(sweepRecord([sweepResult(evil, 10)], { front: [evil] }));
  expect(tex).toContain('\\textbf{\\textbackslash{}input\\{x\\}\\_\\&\\%}');
  expect(tex.match(/\\begin/g)?.length).toBe(1);
});

it('layers as values: a line each, what is not measured empty, nothing that a spreadsheet would compute', () => {
  const lines = csv.render(fullResult()).trimEnd().split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[2]).toMatch(/^2,conv2_out,Conv,8x3x3x3,minmax,4,8,integer,,12\.3,/);
  expect(lines[3]).toMatch(/^3,fc_out,Conv,.*integer,,,/);
  const hostile = csv.render(hostileResult('=cmd("a",b)'));
  expect(hostile).toContain('"\'=cmd(""a"",b)"');
});
