import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../src/proto/encode.js';
import { calibrate } from '../../src/run/calibrate.js';
import { quantize } from '../../src/run/quantize.js';
import { verify } from '../../src/run/verify.js';
import { convLayer, matMulLayer } from '../support/body-models.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { npyBytes } from '../support/npy.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** x [2, 8] → a Conv and a MatMul in each branch of an If, by the sign of the mean of x; samples of both kinds, or of one. */
function files() {
  const g = new GraphBuilder();
  g.input('x', [2, 8]);
  g.constant('zero', [], [0]);
  g.node('ReduceMean', ['x'], 'mean', { keepdims: 0 });
  g.node('Greater', ['mean', 'zero'], 'c');
  const branch = (label: string, seed: number) => {
    const inner = new GraphBuilder();
    const value = matMulLayer(inner, convLayer(inner, 'x', `${label}0`, seed), `${label}1`, seed + 5);
    inner.output(value);
    return { kind: 'graph', value: inner.graph } as const;
  };
  g.node('If', ['c'], 'y', { then_branch: branch('t', 1), else_branch: branch('e', 2) });
  g.output('y', [2, 8]);
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  writeFileSync(at('float.onnx'), encodeModel(g.build()));
  const samples = (sign: (sample: number) => number) =>
    npyBytes(
      '<f4',
      [32, 2, 8],
      randomFloats(32 * 16, 5).map((x, i) => x + sign(Math.floor(i / 16)) * 0.6),
    );
  writeFileSync(
    at('both.npy'),
    samples((n) => (n % 2 === 0 ? 1 : -1)),
  );
  writeFileSync(
    at('one.npy'),
    samples(() => 1),
  );
  return { at, model: at('float.onnx') };
}

describe('layers in the branches of an If', () => {
  test('run on integers where samples take both; from a statistics file the model is the same', async () => {
    const { at, model } = files();
    const recipe = { refine: 'none' };
    const result = await quantize({ model, data: at('both.npy'), output: at('a.onnx'), recipe });
    expect(result.plan.layers.map(({ id, inside, quantized }) => [id, inside, quantized?.runs])).toEqual([
      ['t0_c', 'If "y"', 'integer'],
      ['t1', 'If "y"', 'integer'],
      ['e0_c', 'If "y"', 'integer'],
      ['e1', 'If "y"', 'integer'],
    ]);
    expect(result.warnings.join()).not.toContain('weights only');
    await calibrate({ model, data: at('both.npy'), output: at('stats.json') });
    await quantize({ model, stats: at('stats.json'), output: at('b.onnx'), recipe });
    expect(readFileSync(at('b.onnx')).equals(readFileSync(at('a.onnx')))).toBe(true);
  });

  test('are weights only in one that no sample takes, which a sentence says; the file can be made again', async () => {
    const { at, model } = files();
    const given = { model, data: at('one.npy') };
    const result = await quantize({ ...given, output: at('a.onnx') });
    expect(result.plan.layers.map(({ id, quantized }) => [id, quantized?.runs])).toEqual([
      ['t0_c', 'integer'],
      ['t1', 'integer'],
      ['e0_c', 'float'],
      ['e1', 'float'],
    ]);
    expect(result.warnings.filter((line) => line.includes('weights only'))).toEqual([
      '2 layers in If "y", as "e0_c", are weights only: no sample came by there, so that no range was observed. Give samples that do.',
    ]);
    const verified = await verify({ quantized: at('a.onnx'), from: model, data: at('one.npy') });
    expect(verified.holds).toBe(true);
    // Of the branch the file of statistics has values without an element.
    await calibrate({ ...given, output: at('stats.json') });
    const again = await quantize({ model, stats: at('stats.json'), output: at('b.onnx') });
    expect(again.plan.layers).toEqual(result.plan.layers);
  });

  test('cannot be searched layer by layer, where there are no others', async () => {
    const { at, model } = files();
    const run = () =>
      quantize({ model, data: at('both.npy'), output: at('a.onnx'), auto: {}, gates: ['sqnr>20'] });
    const refusal = await expectRefusal(run, 'bad-option', 2);
    expect(refusal.message).toContain('all of them stand in the bodies of If, Loop or Scan');
  });
});
