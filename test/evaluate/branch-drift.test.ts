import { expect, it, test } from 'vitest';
import { BranchMeter, BranchRunner, switchesOf } from '../../src/evaluate/branch-drift.js';
import type { Runner } from '../../src/evaluate/recording.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { boolConstant, branchingModel, ifNode } from '../support/branching-model.js';
import { GraphBuilder } from '../support/graph-builder.js';

const one = { size: 1, samples: 1 };
const row = (...data: number[]): NdArray => ({
  type: 'float32',
  dims: [1, data.length],
  data: Float32Array.from(data),
});
const bool = (value: boolean): NdArray => ({ type: 'bool', dims: [], data: Uint8Array.of(value ? 1 : 0) });

/** What a meter finds of runs: the branch of each If, the float output, the quantized one. */
function measured(...runs: [Record<string, 'then' | 'else'>, NdArray, NdArray][]) {
  const meter = new BranchMeter();
  for (const [taken, float, quantized] of runs)
    meter.add(new Map(Object.entries(taken)), float, quantized, one);
  return meter.branches;
}

it('sums each branch up by itself, the worse one first', () => {
  const found = measured(
    [{ z: 'then' }, row(30, 40), row(30, 45)],
    [{ z: 'else' }, row(0.3, 0.4), row(0, 0)],
    [{ z: 'then' }, row(50, 0), row(50, 0)],
  );
  // then: Σx² = 900 + 1600 + 2500, Σe² = 25: 200; else: all is error. The whole shows 10·log10(5000.25 / 25.25) = 23 dB.
  expect(found).toEqual([
    { node: 'z', branch: 'else', sqnrDb: expect.closeTo(0, 5), samples: 1 },
    { node: 'z', branch: 'then', sqnrDb: expect.closeTo(10 * Math.log10(200), 10), samples: 2 },
  ]);
});

it('gives the If whose branch is furthest from float, of those that took both', () => {
  const found = measured(
    [{ a: 'then', b: 'then', c: 'else' }, row(1, 0), row(0, 0)],
    [{ a: 'then', b: 'else', c: 'else' }, row(3, 4), row(3, 4)],
    [{ a: 'else', b: 'else', c: 'else' }, row(3, 4), row(3, 3)],
  );
  expect(found).toEqual([
    { node: 'b', branch: 'then', sqnrDb: 0, samples: 1 },
    { node: 'b', branch: 'else', sqnrDb: expect.closeTo(10 * Math.log10(50), 10), samples: 2 },
  ]);
});

it('finds nothing where samples took one branch alone', () => {
  expect(measured([{ z: 'then' }, row(1), row(0)], [{ z: 'then' }, row(1), row(0)])).toEqual([]);
  expect(measured([{}, row(1), row(0)])).toEqual([]);
});

test('switches are the Ifs of the main graph by a value that is no constant, one for each such value', () => {
  const g = new GraphBuilder();
  g.input('x', [2]);
  g.input('c', [], 'bool');
  boolConstant(g, 'fixed', true);
  g.node('Not', ['c'], 'd');
  for (const [condition, output] of [
    ['c', 'first'],
    ['c', 'second'],
    ['d', 'third'],
    ['fixed', 'fourth'],
  ] as const)
    ifNode(g, condition, output, 'Neg', ['x']);
  expect(switchesOf(g.graph)).toEqual([
    { node: 'first', condition: 'c' },
    { node: 'third', condition: 'd' },
  ]);
  // An If inside another one is not asked.
  expect(switchesOf(branchingModel().graph)).toEqual([{ node: 'y', condition: 'condition' }]);
});

test('a runner tells what a run took by outputs or by what was fed, and gives its own outputs alone', async () => {
  const runs = [true, false];
  const inner: Runner = {
    outputNames: ['y', 'made', 'd'],
    run: async () =>
      new Map([
        ['y', row(1)],
        ['made', bool(true)],
        ['d', bool(runs.shift() ?? false)],
      ]),
  };
  const switches = ['c', 'd', 'made'].map((condition) => ({ node: `if_${condition}`, condition }));
  const runner = new BranchRunner(inner, switches, ['y', 'made']);
  expect(runner.outputNames).toEqual(['y', 'made']);
  expect([...(await runner.run({ c: bool(false) })).keys()]).toEqual(['y', 'made']);
  expect(Object.fromEntries(runner.taken)).toEqual({ if_c: 'else', if_d: 'then', if_made: 'then' });
  await runner.run({ c: bool(true) });
  expect(Object.fromEntries(runner.taken)).toEqual({ if_c: 'then', if_d: 'else', if_made: 'then' });
});
