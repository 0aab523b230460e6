import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type IntegerLayer, type IntegerModel, integerModel } from '../../src/emit/integer-file.js';
import { multiplyFixedPoint } from '../../src/numerics/fixed-point.js';
import { example, runCommand } from '../support/command.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const at = (values: ArrayLike<number>, index: number) => values[index] as number;

/** The codes of one output: sums of codes and weights in integers, requantized as the file says; and how far sums went. */
function requantized(layer: IntegerLayer, sum: number, channel: number): number {
  const { output, multipliers, shifts } = layer;
  if (!output) throw new Error(`${layer.id} gives int32`);
  const form = { multiplier: at(multipliers, channel), shift: at(shifts, channel) };
  return Math.min(output.high, Math.max(output.low, multiplyFixedPoint(sum, form) + output.zeroPoint));
}

/** A 3×3 convolution of [1, channels, 8, 8] with a pad of 1, in integers alone. */
function convolved(layer: IntegerLayer, codes: ArrayLike<number>, groups: number) {
  const [outputs = 0, inputs = 0] = layer.weight.dims;
  const sums: number[] = [];
  const results: number[] = [];
  for (let o = 0; o < outputs; o++)
    for (let y = 0; y < 8; y++)
      for (let x = 0; x < 8; x++) {
        let sum = at(layer.start, o);
        for (let i = 0; i < inputs; i++)
          for (let k = 0; k < 9; k++) {
            const [row, column] = [y + Math.floor(k / 3) - 1, x + (k % 3) - 1];
            const channel = Math.floor(o / (outputs / groups)) * inputs + i;
            const isInside = row >= 0 && row < 8 && column >= 0 && column < 8;
            // A pad is real 0, which is the zero point.
            const code = isInside ? at(codes, channel * 64 + row * 8 + column) : layer.input.zeroPoint;
            sum += code * at(layer.weight.values, (o * inputs + i) * 9 + k);
          }
        sums.push(sum);
        results.push(requantized(layer, sum, o));
      }
  return { sums, results };
}

/** Rows times a matrix [inputs, outputs], in integers alone. */
function multiplied(layer: IntegerLayer, codes: ArrayLike<number>) {
  const [inputs = 0, outputs = 0] = layer.weight.dims;
  const sums = Array.from({ length: outputs }, (_, o) => {
    let sum = at(layer.start, o);
    for (let i = 0; i < inputs; i++) sum += at(codes, i) * at(layer.weight.values, i * outputs + o);
    return sum;
  });
  return { sums, results: sums.map((sum, o) => requantized(layer, sum, o)) };
}

/** A layer "a" behind x and a Relu or a Clip, before another layer; its input and result in codes, by onnxruntime. */
async function codesOf(
  build: (net: Net) => string,
  shape: number[],
  last: (net: Net, value: string) => string,
) {
  const net = new Net();
  net.input('x', shape);
  const model = finish(net, last(net, build(net)));
  const quantized = await quantizeModel(model, { bits: 8 });
  const { emitted, feeds, plan } = quantized;
  const outputs = ['x_q', 'r_q'].map((name) => ({ name, dataType: 'uint8' as const, shape: undefined }));
  const exposed = { ...emitted.model, graph: { ...emitted.model.graph, outputs } };
  const layer = integerModel(model, plan).layers[0] as IntegerLayer;
  const runs = await Promise.all(feeds.map((feed) => runIn('default', exposed, feed)));
  const codes = runs.map((run) => ({
    input: run.get('x_q')?.data as Uint8Array,
    result: run.get('r_q')?.data as Uint8Array,
  }));
  return { layer, codes };
}

const conv = (net: Net, value: string) => net.conv(value, 'y');

describe('what integer-only kernels take', () => {
  it.each<[string, (net: Net) => string, number]>([
    ['a convolution and a Relu', (net) => net.node('Relu', [net.conv('x', 'a')], 'r'), 1],
    [
      'a depthwise one and a Clip',
      (net) => net.clip(net.conv('x', 'a', 4, 4, { group: 4 }), 'r', -0.4, 0.9),
      4,
    ],
    ['one in two groups, without a bias', (net) => net.conv('x', 'r', 4, 4, { group: 2, bias: false }), 2],
  ])('%s: gives the codes that onnxruntime gives, but for a rounding', async (_, build, groups) => {
    const { layer, codes } = await codesOf(build, [1, 4, 8, 8], conv);
    let [different, all] = [0, 0];
    for (const { input, result } of codes) {
      const own = convolved(layer, input, groups);
      own.results.forEach((code, i) => {
        expect(Math.abs(code - at(result, i))).toBeLessThanOrEqual(1);
        if (code !== at(result, i)) different++;
        all++;
      });
      for (const sum of own.sums) expect(Math.abs(sum)).toBeLessThanOrEqual(layer.accumulatorBound * 2);
    }
    expect(all).toBeGreaterThan(200);
    // Ties, which onnxruntime rounds to even, and a multiplier of 24 bits there, of 31 here.
    expect(different / all).toBeLessThan(0.01);
  });

  it('a Gemm: the same', async () => {
    const { layer, codes } = await codesOf(
      (net) => net.node('Relu', [net.gemm('x', 'a', 24, 16)], 'r'),
      [1, 24],
      (net, value) => net.gemm(value, 'y', 16, 4),
    );
    for (const { input, result } of codes)
      multiplied(layer, input).results.forEach((code, i) => {
        expect(Math.abs(code - at(result, i))).toBeLessThanOrEqual(1);
      });
  });

  it('names the clamp in codes, and the int32 of a layer whose result stays float', async () => {
    const net = new Net();
    net.input('x', [1, 8]);
    const model = finish(net, net.gemm(net.clip(net.gemm('x', 'a', 8, 8), 'r', 0, 0.5), 'y', 8, 4));
    const { plan } = await quantizeModel(model);
    const [first, last] = integerModel(model, plan).layers;
    expect(first?.output).toMatchObject({ name: 'r', zeroPoint: 0, low: 0 });
    expect((first?.output?.high ?? 0) * (first?.output?.scale ?? 0)).toBeCloseTo(0.5, 2);
    expect(last).toMatchObject({ output: null, multipliers: [], shifts: [] });
    expect(last?.bias).toHaveLength(4);
  });

  it('bounds every sum by the farthest codes', async () => {
    const net = new Net();
    net.input('x', [1, 8]);
    const model = finish(net, net.gemm('x', 'y', 8, 2));
    const { plan } = await quantizeModel(model);
    const [layer] = integerModel(model, plan).layers as [IntegerLayer];
    const { zeroPoint } = layer.input;
    const bounds = [0, 1].map((o) => {
      const row = Array.from({ length: 8 }, (_, i) => Math.abs(at(layer.weight.values, i * 2 + o)));
      const reach = Math.max(zeroPoint, 255 - zeroPoint);
      return reach * row.reduce((sum, w) => sum + w, 0) + Math.abs(at(layer.bias, o));
    });
    expect(layer.accumulatorBound).toBe(Math.max(...bounds));
  });
});

describe('the command', () => {
  const data = ['--data', example('digits-calib.npy'), '--scale', '1/16', '--samples', '16', '--quiet'];

  it('writes them beside the model', async () => {
    const folder = temporaryFolder();
    const [model, file] = [join(folder, 'a.onnx'), join(folder, 'a.integers.json')];
    const { code } = await runCommand(example('digits.onnx'), ...data, '-o', model, '--save-integers', file);
    expect(code).toBe(0);
    const found = JSON.parse(readFileSync(file, 'utf8')) as IntegerModel;
    expect(found.layers).toHaveLength(6);
    for (const { multipliers, accumulatorBound } of found.layers) {
      expect(accumulatorBound).toBeLessThan(2 ** 31);
      for (const multiplier of multipliers) expect(multiplier).toBeGreaterThanOrEqual(2 ** 30);
    }
  });

  it.each([[['--act-bits', 'float']], [['--dynamic']]])('has nothing to write with %s', async (flags) => {
    const folder = temporaryFolder();
    const file = join(folder, 'a.json');
    const args = [...flags, '-o', join(folder, 'a.onnx'), '--save-integers', file, '--quiet'];
    const { code, stderr } = await runCommand(example('digits.onnx'), ...args);
    expect(code).toBe(2);
    expect(stderr).toContain('--save-integers finds no layer that runs on integers of fixed ranges');
  });
});
