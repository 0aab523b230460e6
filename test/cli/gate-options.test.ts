import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addGateOptions, type GateFlags, gateOptionsOf, reportGates } from '../../src/cli/gate-options.js';
import type { GateOptions } from '../../src/options.js';
import { checkGates } from '../../src/report/judge.js';
import { codeOf } from '../support/random-data.js';
import { sampleResult } from '../support/result.js';

function optionsFrom(base: GateOptions | undefined, ...args: string[]): GateOptions {
  const command = addGateOptions(new Command()).exitOverride();
  command.parse(args, { from: 'user' });
  return gateOptionsOf(command.opts<GateFlags>(), base);
}

describe('the flags of gates', () => {
  it('of one metric stand for an expression', () => {
    const flags = '--max-drop 0.5% --min-sqnr 30 --min-agreement 99% --max-size 300KB --min-speedup 1.5';
    expect(optionsFrom(undefined, ...flags.split(' '))).toEqual({
      gates: ['top1_drop<=0.5%', 'sqnr>=30', 'agreement>=99%', 'size<=300KB', 'speedup>=1.5'],
      baseline: undefined,
    });
  });

  it('take any expression, as an error or a warning', () => {
    expect(
      optionsFrom(
        undefined,
        '--gate',
        'sqnr[a]>1',
        '--warn',
        'size<1MB',
        '--gate',
        'cosine>0',
        '--baseline',
        'b.json',
      ),
    ).toEqual({ gates: ['sqnr[a]>1', 'cosine>0', { gate: 'size<1MB', level: 'warn' }], baseline: 'b.json' });
  });

  it("replace a configuration's gate on the same metric, and leave the others", () => {
    const base: GateOptions = {
      gates: ['size<1MB', 'sqnr[a]>20', { gate: 'speedup>=2', level: 'warn' }],
      baseline: 'a.json',
    };
    expect(optionsFrom(base, '--max-size', '2MB', '--min-sqnr', '30')).toEqual({
      gates: ['sqnr[a]>20', { gate: 'speedup>=2', level: 'warn' }, 'sqnr>=30', 'size<=2MB'],
      baseline: 'a.json',
    });
    expect(optionsFrom(base)).toEqual(base);
  });

  it.each([
    [['--max-drop', '0.5'], 'bad-option'],
    [['--max-drop', 'half'], 'bad-option'],
    [['--max-size', '3MBit'], 'bad-option'],
    [['--min-sqnr', '30%'], 'bad-option'],
    [['--gate', 'sqnr'], 'bad-gate'],
    [['--warn', 'sqnr[a]=3'], 'bad-gate'],
  ])('%j is refused with %s', async (args, code) => {
    expect(await codeOf(() => optionsFrom(undefined, ...args))).toBe(code);
  });
});

describe('reportGates', () => {
  /** What a process is told of gates on the sample result. */
  function told(...gates: Parameters<typeof checkGates>[1][number][]) {
    let stderr = '';
    const stream = {
      write(text: string) {
        stderr += text;
      },
    };
    const fake = { argv: [], stdout: stream, stderr: stream, exitCode: undefined };
    const result = sampleResult();
    reportGates(fake, { ...result, gates: checkGates(result, gates) });
    return { stderr, code: fake.exitCode as number | undefined };
  }

  it('names each gate that failed on a line, and that the model was written', () => {
    const { stderr, code } = told('size<=100KB', 'sqnr>1', 'user.f1>0', { gate: 'speedup>9', level: 'warn' });
    expect(stderr.split('\n')).toEqual([
      'gate failed: size<=100KB: 176 kB',
      'gate failed: user.f1>0: not measured, no metric of your own was given, with --metric',
      'gate warns: speedup>9: 2.19×',
      'net.minmax-w4a8.onnx was written all the same; the exit code is 1.',
      '',
    ]);
    expect(code).toBe(1);
  });

  it('does not fail for warnings, and says nothing where all pass', () => {
    expect(told({ gate: 'speedup>9', level: 'warn' })).toEqual({
      stderr: 'gate warns: speedup>9: 2.19×\n',
      code: undefined,
    });
    expect(told('sqnr>1')).toEqual({ stderr: '', code: undefined });
  });
});
