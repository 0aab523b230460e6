import { describe, expect, it } from 'vitest';
import type { GateSpec } from '../../src/options.js';
import { checkGates } from '../../src/report/judge.js';
import type { Result, SetRecord } from '../../src/report/result.js';
import { sampleResult } from '../support/result.js';

const one = sampleResult();
const [logits] = one.outputs;
if (!logits || !one.task) throw new Error('the sample has an output and a task');

/** A set with these numbers: SQNR of the output, and the accuracy of float and quantized. */
function setOf(
  name: string,
  sqnrDb: number,
  accuracy?: readonly [float: number, quantized: number],
): SetRecord {
  const [float = 0, quantized = 0] = accuracy ?? [];
  return {
    name,
    ...{ label: `${name}.npy`, samples: 100, preprocess: 'none', metrics: [] },
    outputs: [{ ...logits, deployed: { ...logits.deployed, sqnrDb } } as typeof logits],
    task: accuracy ? { ...(one.task as NonNullable<Result['task']>), float, quantized } : null,
  };
}

function resultOf(...sets: SetRecord[]): Result {
  const [first] = sets;
  return sampleResult({ sets, ...(first && { outputs: first.outputs, task: first.task }) });
}

const measured = resultOf(setOf('day', 31, [0.95, 0.94]), setOf('night', 22, [0.9, 0.8]));

function check(gate: GateSpec, result = measured, baseline?: Result) {
  const [outcome] = checkGates(result, [gate], baseline);
  return outcome && [outcome.passed, outcome.shown, outcome.reason];
}

describe('gates over sets of samples', () => {
  it.each([
    ['sqnr>=22dB', true, '22.0 dB on night'],
    ['sqnr>=23dB', false, '22.0 dB on night'],
    ['sqnr[logits]@day>=31dB', true, '31.0 dB'],
    ['sqnr@day>=32dB', false, '31.0 dB'],
    ['top1_drop<=10%', true, '10.00 % on night'],
    ['top1_drop@day<0.5%', false, '1.00 %'],
    // The same wherever it is measured, and of the file.
    ['cosine>0.9995', true, '0.9996'],
    ['size<=176KB', true, '176 kB'],
    ['speedup>=2', true, '2.19×'],
  ] as const)('%s', (gate, passed, shown) => {
    expect(check(gate)).toEqual([passed, shown, null]);
  });

  it.each([
    ['sqnr@dusk>1dB', measured, 'there is no such set of samples, only "day", "night"'],
    ['sqnr@day>1dB', one, 'there is one set of samples; others are given with --eval-set'],
    [
      'top1_drop<50%',
      resultOf(setOf('day', 31, [0.95, 0.94]), setOf('night', 22)),
      'there are no labels; give them with --labels (set "night")',
    ],
    ['sqnr_change>-9dB', measured, 'there is no baseline; give one with --baseline'],
  ] as const)('%s fails: %s', (gate, result, reason) => {
    expect(check(gate, result)).toEqual([false, 'not measured', reason]);
  });

  it('looks at the change of each set, and says which changed most for the worse', () => {
    const before = resultOf(setOf('day', 33), setOf('night', 22));
    const now = resultOf(setOf('day', 30), setOf('night', 21));
    expect(check('sqnr_change>=-2dB', now, before)).toEqual([
      false,
      '−3.0 dB (33.0 dB → 30.0 dB) on day',
      null,
    ]);
    expect(check('sqnr_change@night>=-2dB', now, before)).toEqual([
      true,
      '−1.0 dB (22.0 dB → 21.0 dB)',
      null,
    ]);
    expect(check('sqnr_change>=-2dB', now, one)?.[2]).toMatch(/^not in the baseline: there is one set/);
  });

  it("takes a user's metric by its whole name where that holds the sign", () => {
    const metrics = [{ name: 'map@50', float: 0.7, quantized: 0.6 }];
    const result = sampleResult({ metrics });
    expect(check('user.map@50>=0.6', result)).toEqual([true, '0.6000', null]);
    expect(
      check(
        'user.map@50_change>=-0.2',
        result,
        sampleResult({ metrics: [{ name: 'map@50', float: 0.7, quantized: 0.75 }] }),
      ),
    ).toEqual([true, '−0.1500 (0.7500 → 0.6000)', null]);
  });

  it.each([
    ['size@day<1MB', 'names the set "day", but size is one number for all'],
    ['sqnr@>1dB', 'has nothing behind its @'],
  ])('%s is refused', (gate, problem) => {
    expect(() => check(gate)).toThrow(problem);
  });
});
