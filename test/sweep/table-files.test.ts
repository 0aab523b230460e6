import { expect, it } from 'vitest';
import { csv } from '../../src/report/csv.js';
import { joinSeeds } from '../../src/sweep/join-seeds.js';
import { renderTable } from '../../src/sweep/render-table.js';
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

it('seeds on several sets: each set has its own means, and the worst in the mean judges', () => {
  const seed = (day: number, night: number) => {
    const [result] = run(Math.min(day, night), 10);
    if (!result) throw new Error('a result');
    const { outputs } = result;
    const task = (quantized: number) => result.task && { ...result.task, float: 0.95, quantized };
    const sets = [
      { name: 'day', outputs, task: task(day) },
      { name: 'night', outputs, task: task(night) },
    ];
    return [{ ...result, task: task(Math.min(day, night)), sets }];
  };
  // Day is the worse by the first seed; night in the mean: 0.90 and 0.86, deviations √2·0.04 / √2·0.02.
  const [joined] = joinSeeds([seed(0.86, 0.88), seed(0.94, 0.84)], [0, 1]);
  expect(joined?.sets?.map(({ task }) => task?.quantized)).toEqual([
    expect.closeTo(0.9, 12),
    expect.closeTo(0.86, 12),
  ]);
  expect(joined?.task?.quantized).toBeCloseTo(0.86, 12);
  expect(joined?.spread?.topOne).toBeCloseTo(0.02 * Math.SQRT2, 12);
  const record = sweepRecord(joined ? [joined] : []);
  expect(renderTable(record)).toMatch(/top-1 day +top-1 night[\s\S]*90\.00 % ± 5\.66 +86\.00 % ± 2\.83/);
  const [heads = '', values = ''] = renderCsv(record).split('\n');
  const at = (name: string) => Number(values.split(',')[heads.split(',').indexOf(name)]);
  expect(at('top1_sd@day')).toBeCloseTo(0.04 * Math.SQRT2, 12);
  expect(at('top1@night')).toBeCloseTo(0.86, 12);
});

it('several outputs: each has the mean of its own, the deviation is that of the worst', () => {
  const seed = (a: number, b: number) => {
    const [result] = run(0.9, a);
    const [output] = result?.outputs ?? [];
    if (!result || !output) throw new Error('a result');
    return [{ ...result, task: null, outputs: [output, { ...output, name: 'other', sqnrDb: b }] }];
  };
  const [joined] = joinSeeds([seed(10, 30), seed(14, 50)], [0, 1]);
  expect(joined?.outputs.map(({ sqnrDb }) => sqnrDb)).toEqual([12, 40]);
  expect(joined?.spread?.sqnrDb).toBeCloseTo(2 * Math.SQRT2, 12);
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
