import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Result } from '../../src/report/result.js';
import { branch, branchFiles, conv, otherFeeds, rareFeeds, unlikeBranches } from '../support/branch-files.js';
import { runCommand } from '../support/command.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { runIn } from '../support/sessions.js';

type Files = ReturnType<typeof branchFiles>;

/** The file as the command writes it, and what it says. */
async function quantized(at: Files, data: string, ...more: readonly string[]) {
  const flags = ['--data', at(data), '--refine', 'none', '-o', at('q.onnx'), '--json', ...more];
  const { code, stdout } = await runCommand(at('float.onnx'), ...flags);
  expect(code).toBe(0);
  const result = JSON.parse(stdout) as Result;
  return {
    result,
    runs: Object.fromEntries(result.plan.layers.map(({ id, quantized }) => [id, quantized?.runs])),
    sentences: result.warnings.filter((line) => line.includes('weights only')),
  };
}

/** What onnxruntime gives for feeds that take the other branch: energy of float over that of the difference, in dB. */
async function sqnrOfOthers(at: Files, feeds = otherFeeds()): Promise<number> {
  let [energy, error] = [0, 0];
  for (const feed of feeds) {
    const wanted = (await runIn('default', readFileSync(at('float.onnx')), feed)).get('y')
      ?.data as Float32Array;
    const made = (await runIn('default', readFileSync(at('q.onnx')), feed)).get('y')?.data as Float32Array;
    wanted.forEach((value, i) => {
      energy += value ** 2;
      error += (value - (made[i] as number)) ** 2;
    });
  }
  return 10 * Math.log10(energy / error);
}

const allSeen = 'Give samples that do.';

/** A Loop that runs so often as "times" says, its state put through the part. */
function loop(g: GraphBuilder, times: string, part: (inner: GraphBuilder) => string): void {
  const inner = new GraphBuilder();
  inner.input('i', [], 'int64');
  inner.input('on', [], 'bool');
  inner.input('state', [1, 4, 6, 6]);
  const made = part(inner);
  inner.node('Identity', ['on'], 'on_out');
  inner.output('on_out', [], 'bool');
  inner.output(made, [1, 4, 6, 6]);
  g.node('Loop', [times, '', 'x'], 'z', { body: { kind: 'graph', value: inner.graph } });
}

describe('what stands behind an If of which samples take one branch alone', () => {
  test('keeps its activations in float, as a sentence says; the other branch is as float then', async () => {
    const at = branchFiles((g) => unlikeBranches(g, 'x', 'z'));
    const { runs, sentences } = await quantized(at, 'one.npy');
    expect(runs).toEqual({ z_t: 'integer', z_e: 'float', a: 'float', y: 'float' });
    expect(sentences).toEqual([
      `1 layer in If "z", as "z_e", and 2 behind If "z", as "a", are weights only: no sample came by all branches and steps, so that what comes of them may be larger than what was observed. ${allSeen}`,
    ]);
    expect(await sqnrOfOthers(at)).toBeGreaterThan(35);
    const verified = await runCommand(
      ...['verify', at('q.onnx'), '--from', at('float.onnx'), '--data', at('one.npy')],
    );
    expect(verified.code).toBe(0);
    // The statistics of a file say the same.
    const first = readFileSync(at('q.onnx'));
    await runCommand('calibrate', at('float.onnx'), '--data', at('one.npy'), '-o', at('stats.json'));
    const { code } = await runCommand(
      ...[at('float.onnx'), '--stats', at('stats.json'), '--refine', 'none', '-o', at('q.onnx')],
    );
    expect(code).toBe(0);
    expect((await quantized(at, 'one.npy')).runs).toEqual(runs);
    expect(readFileSync(at('q.onnx')).equals(first)).toBe(true);
  });

  test('runs on integers where samples take both', async () => {
    const at = branchFiles((g) => unlikeBranches(g, 'x', 'z'));
    const { runs, sentences } = await quantized(at, 'both.npy');
    expect(new Set(Object.values(runs))).toEqual(new Set(['integer']));
    expect(sentences).toEqual([]);
  });

  test('is found where the branches have no layers', async () => {
    const at = branchFiles((g) => {
      g.node('If', ['c'], 'z', {
        then_branch: branch('z_t', (inner) => inner.node('Relu', ['x'], 'z_t')),
        else_branch: branch('z_e', (inner) => {
          inner.constant('thirty', [], [30]);
          inner.node('Mul', ['x', 'thirty'], 'z_e');
        }),
      });
    });
    const { runs, sentences } = await quantized(at, 'one.npy');
    expect(runs).toEqual({ a: 'float', y: 'float' });
    expect(sentences.join()).toContain('2 layers behind If "z", as "a", are weights only');
    expect(await sqnrOfOthers(at)).toBeGreaterThan(35);
  });

  test('is found behind an If in an If, and behind a Loop and in it', async () => {
    const nested = branchFiles((g) => {
      g.constant('five', [], [5]);
      g.node('If', ['c'], 'z', {
        then_branch: branch('n', (inner) => {
          inner.node('ReduceMax', ['x'], 'most', { keepdims: 0 });
          inner.node('Less', ['most', 'five'], 'c2');
          inner.node('If', ['c2'], 'n', {
            then_branch: branch('n_t', (deep) => conv(deep, 'x', 'n_t', 5)),
            else_branch: branch('n_e', (deep) => conv(deep, 'x', 'n_e', 6, 30)),
          });
        }),
        else_branch: branch('z_e', (inner) => conv(inner, 'x', 'z_e', 7)),
      });
    });
    const found = await quantized(nested, 'both.npy');
    expect(found.runs).toEqual({ n_t: 'integer', n_e: 'float', z_e: 'integer', a: 'float', y: 'float' });
    expect(found.sentences.join()).toContain(
      '1 layer in If "z", as "n_e", and 2 behind If "n", as "a", are weights only',
    );

    const looped = branchFiles((g) => {
      g.constant('three', [], BigInt64Array.of(3n));
      loop(g, 'three', (inner) => unlikeBranches(inner, 'state', 's', 4));
    });
    const { runs } = await quantized(looped, 'one.npy');
    // Its state is what the branch that was not taken gives, too.
    expect(runs).toEqual({ s_t: 'float', s_e: 'float', a: 'float', y: 'float' });
    expect(await sqnrOfOthers(looped)).toBeGreaterThan(35);
  });

  test('is found where the branches give integers, as rows of a table', async () => {
    const at = branchFiles((g) => {
      const rows = randomFloats(288, 9).map((x, i) => (i < 144 ? x : 30 * x));
      g.constant('rows', [2, 144], rows);
      g.constant('shape', [4], BigInt64Array.of(1n, 4n, 6n, 6n));
      g.constant('none', [1], BigInt64Array.of(0n));
      g.constant('one', [1], BigInt64Array.of(1n));
      // Computed of what is fed, so that nothing folds: 1 in one branch, 0 in the other.
      g.node('Cast', ['c'], 'is', { to: 7 });
      g.node('Unsqueeze', ['is', 'none'], 'number');
      g.node('If', ['c'], 'row', {
        then_branch: branch('t', (inner) => inner.node('Sub', ['number', 'one'], 't'), 'int64'),
        else_branch: branch('e', (inner) => inner.node('Add', ['number', 'one'], 'e'), 'int64'),
      });
      g.node('Gather', ['rows', 'row'], 'gathered');
      g.node('Reshape', ['gathered', 'shape'], 'made');
      g.node('Mul', ['made', 'x'], 'z');
    });
    const { runs, sentences } = await quantized(at, 'one.npy');
    expect(runs).toMatchObject({ a: 'float', y: 'float' });
    expect(sentences.join()).toContain('2 layers behind If "row", as "a", are weights only');
    expect(await sqnrOfOthers(at)).toBeGreaterThan(35);
  });

  test('is found where the If stands in a Scan', async () => {
    const at = branchFiles((g) => {
      g.constant('steps', [2, 1], [0.5, -0.5]);
      const inner = new GraphBuilder();
      inner.input('state', [1, 4, 6, 6]);
      inner.input('step', [1]);
      inner.node('Add', ['state', 'step'], 'sum');
      const made = unlikeBranches(inner, 'sum', 's', 4);
      inner.output(made, [1, 4, 6, 6]);
      g.node('Scan', ['x', 'steps'], 'z', {
        body: { kind: 'graph', value: inner.graph },
        num_scan_inputs: 1,
      });
    });
    const { runs } = await quantized(at, 'one.npy');
    expect(runs).toEqual({ s_t: 'float', s_e: 'float', a: 'float', y: 'float' });
    expect(await sqnrOfOthers(at)).toBeGreaterThan(35);
    expect(new Set(Object.values((await quantized(at, 'both.npy')).runs))).toEqual(new Set(['integer']));
  });

  test('stays on integers behind what is as large whatever comes', async () => {
    const normalized = branchFiles((g) => {
      unlikeBranches(g, 'x', 'raw');
      g.constant('scale', [6], new Float32Array(6).fill(1));
      g.node('LayerNormalization', ['raw', 'scale'], 'z');
    });
    const { runs } = await quantized(normalized, 'one.npy');
    expect(runs).toEqual({ raw_t: 'integer', raw_e: 'float', a: 'integer', y: 'integer' });
    expect(await sqnrOfOthers(normalized)).toBeGreaterThan(30);
  });

  test.each([
    ['taken whole', 9, 'integer'],
    ['of which samples show a part', 0.1, 'float'],
  ] as const)('behind a Tanh %s', async (_, times, expected) => {
    const at = branchFiles((g) => {
      unlikeBranches(g, 'x', 'raw');
      g.constant('times', [], [times]);
      g.node('Mul', ['raw', 'times'], 'more');
      g.node('Tanh', ['more'], 'z');
    });
    const { runs } = await quantized(at, 'one.npy');
    expect(runs).toEqual({ raw_t: 'integer', raw_e: 'float', a: expected, y: expected });
    expect(await sqnrOfOthers(at)).toBeGreaterThan(25);
  });

  test('stays on integers where both branches give one value, in other shapes', async () => {
    const at = branchFiles((g) => {
      conv(g, 'x', 'made', 8);
      g.constant('shape', [4], BigInt64Array.of(1n, 4n, 6n, 6n));
      g.node('If', ['c'], 'z', {
        then_branch: branch('z_t', (inner) => inner.node('Identity', ['made'], 'z_t')),
        else_branch: branch('z_e', (inner) => inner.node('Reshape', ['made', 'shape'], 'z_e')),
      });
    });
    const { runs, sentences } = await quantized(at, 'one.npy');
    expect(runs).toEqual({ made: 'integer', a: 'integer', y: 'integer' });
    expect(sentences).toEqual([]);
  });
});

describe('a branch that few samples take', () => {
  /** The record, and what a plain calculation gives for the samples of the other branch. */
  const rarely = async (gain: number, ...more: readonly string[]) => {
    const at = branchFiles((g) => unlikeBranches(g, 'x', 'z', gain));
    const { result } = await quantized(at, 'rare.npy', ...more);
    return { at, result, sentences: result.warnings.filter((line) => line.startsWith('Where If')) };
  };

  test('is told by name with its samples and dB, where the other one is far larger', async () => {
    const { at, result, sentences } = await rarely(1 / 300);
    const [output] = result.outputs;
    expect(output?.deployed.sqnrDb).toBeGreaterThan(25);
    expect(output?.branches?.map(({ node, branch, samples }) => [node, branch, samples])).toEqual([
      ['z', 'else', 4],
      ['z', 'then', 76],
    ]);
    const [lost = 0, kept = 0] = (output?.branches ?? []).map(({ sqnrDb }) => sqnrDb ?? 0);
    expect(lost).toBeLessThan(5);
    expect(lost).toBeCloseTo(await sqnrOfOthers(at, rareFeeds()), 5);
    expect(kept).toBeGreaterThan(25);
    expect(sentences).toEqual([
      `Where If "z" takes its else branch (4 samples), output "y" keeps ${lost.toFixed(1)} dB, where it takes the other one (76) ${kept.toFixed(1)} dB. Layers behind the If have one range for both branches; kept in float (--exclude) they serve both.`,
    ]);
    const compared = await runCommand(
      ...['compare', at('float.onnx'), at('q.onnx'), '--data', at('rare.npy'), '--json'],
    );
    const comparison = JSON.parse(compared.stdout) as Result;
    // Both runs sum up in float32, in threads.
    expect(comparison.outputs[0]?.branches).toEqual(
      output?.branches?.map((each) => ({ ...each, sqnrDb: expect.closeTo(each.sqnrDb ?? 0, 3) })),
    );
    expect(comparison.warnings).toContain(sentences[0]);
  });

  test('is served where layers behind it stay in float, as the sentence says', async () => {
    const { result, sentences } = await rarely(1 / 300, '--exclude', 'a', '--exclude', 'y');
    expect(sentences).toEqual([]);
    for (const { sqnrDb } of result.outputs[0]?.branches ?? []) expect(sqnrDb).toBeGreaterThan(25);
  });

  test('is no news where both keep as much, nor where samples take one alone', async () => {
    expect((await rarely(1)).sentences).toEqual([]);
    const at = branchFiles((g) => unlikeBranches(g, 'x', 'z'));
    const { result } = await quantized(at, 'one.npy');
    expect(result.outputs[0]).not.toHaveProperty('branches');
  });
});

describe('what samples give no element of', () => {
  /** Three steps where the mean of x is below 0, else none. */
  const times = (g: GraphBuilder) => {
    g.constant('three', [], BigInt64Array.of(3n));
    g.constant('none', [], BigInt64Array.of(0n));
    return g.node('Where', ['c', 'none', 'three'], 'times');
  };

  test('a Loop without a step leaves what stands behind it in float', async () => {
    const at = branchFiles((g) => loop(g, times(g), (inner) => conv(inner, 'state', 'l', 5, 4)));
    const { runs, sentences } = await quantized(at, 'one.npy');
    expect(runs).toEqual({ l: 'float', a: 'float', y: 'float' });
    expect(sentences.join()).toContain('1 layer in Loop "z", as "l", and 2 behind Loop "z", as "a",');
    expect(await sqnrOfOthers(at)).toBeGreaterThan(30);
  });

  test('what is cut to nothing leaves what reads it in float', async () => {
    const at = branchFiles((g) => {
      g.constant('axis', [1], BigInt64Array.of(0n));
      g.constant('start', [1], BigInt64Array.of(0n));
      g.node('Not', ['c'], 'is');
      g.node('Cast', ['is'], 'end_0', { to: 7 });
      g.node('Unsqueeze', ['end_0', 'axis'], 'end');
      g.node('Slice', ['x', 'start', 'end', 'axis'], 'z');
    });
    const { runs, sentences } = await quantized(at, 'one.npy');
    expect(runs).toEqual({ a: 'float', y: 'float' });
    expect(sentences).toEqual([
      '2 layers, as "a", are weights only: no sample had an element of "r". Give samples that do.',
    ]);
    expect(await sqnrOfOthers(at)).toBeGreaterThan(30);
  });

  test('a branch that is empty by itself asks for no samples', async () => {
    const at = branchFiles((g) => {
      g.node('If', ['c'], 'z', {
        then_branch: branch('z_t', (inner) => inner.node('Relu', ['x'], 'z_t')),
        else_branch: branch('z_e', (inner) => {
          inner.constant('z_e', [0, 4, 6, 6], []);
        }),
      });
    });
    const { runs } = await quantized(at, 'both.npy');
    expect(runs).toEqual({ a: 'integer', y: 'integer' });
  });
});
