import { describe, expect, it } from 'vitest';
import { runtimeFusions } from '../../src/fold/runtime-fusions.js';
import type { Attribute, Model } from '../../src/graph/model.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';

const floats = (...value: number[]): Attribute => ({ kind: 'floats', value });
const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** x of a shape → one node of onnxruntime's own → y, with constants of the shapes given behind x. */
function fused(
  opType: string,
  dims: readonly number[],
  constants: readonly (readonly number[] | 'x')[],
  attributes: Parameters<GraphBuilder['node']>[3] = {},
  opset = 17,
): Model {
  const g = new GraphBuilder();
  g.input('x', dims);
  const names = constants.map((shape, i) =>
    shape === 'x' ? 'x' : g.constant(`c${i}`, shape, randomFloats(size(shape), i + 2)),
  );
  g.node(opType, ['x', ...names], 'y', attributes, 'the layer');
  const made = g.graph.nodes.pop();
  if (made) g.graph.nodes.push({ ...made, domain: 'com.microsoft' });
  g.output('y');
  const model = g.build({ opset });
  model.opsets.set('com.microsoft', 1);
  return model;
}

const square = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
const image = [1, 4, 5, 5];
const kernel = [4, 4, 3, 3];

describe("onnxruntime's own layers become ONNX operators", () => {
  it.each<[string, Model, number[], string[]]>([
    [
      'FusedConv with Relu',
      fused('FusedConv', image, [kernel, [4]], { ...square, activation: 'Relu' }),
      image,
      ['Conv', 'Relu'],
    ],
    [
      'FusedConv with a fourth input',
      fused('FusedConv', image, [kernel, [4], 'x'], { ...square, activation: 'Relu' }),
      image,
      ['Conv', 'Add', 'Relu'],
    ],
    ['FusedConv without either', fused('FusedConv', image, [kernel], square), image, ['Conv']],
    [
      'FusedConv with LeakyRelu',
      fused('FusedConv', image, [kernel, [4]], {
        ...square,
        activation: 'LeakyRelu',
        activation_params: floats(0.3),
      }),
      image,
      ['Conv', 'LeakyRelu'],
    ],
    [
      'FusedConv with HardSigmoid',
      fused('FusedConv', image, [kernel, [4]], {
        ...square,
        activation: 'HardSigmoid',
        activation_params: floats(0.3, 0.4),
      }),
      image,
      ['Conv', 'HardSigmoid'],
    ],
    [
      'FusedConv with Clip',
      fused('FusedConv', image, [kernel, [4]], {
        ...square,
        activation: 'Clip',
        activation_params: floats(-0.5, 0.7),
      }),
      image,
      ['Conv', 'Clip'],
    ],
    [
      'FusedConv with Clip, where its bounds were attributes',
      fused(
        'FusedConv',
        image,
        [kernel, [4]],
        { ...square, activation: 'Clip', activation_params: floats(-0.5, 0.7) },
        10,
      ),
      image,
      ['Conv', 'Clip'],
    ],
    [
      'FusedGemm',
      fused('FusedGemm', [3, 8], [[5, 8], [5]], {
        activation: 'LeakyRelu',
        activation_alpha: 0.3,
        alpha: 0.5,
        transB: 1,
      }),
      [3, 8],
      ['Gemm', 'LeakyRelu'],
    ],
    ['FusedMatMul', fused('FusedMatMul', [2, 3, 8], [[8, 5]], { alpha: 0.25 }), [2, 3, 8], ['MatMul']],
    [
      'FusedMatMul, transposed',
      fused('FusedMatMul', [2, 3, 8], [[5, 8]], { transB: 1, alpha: 0.3 }),
      [2, 3, 8],
      ['MatMul'],
    ],
  ])('%s', async (_, model, dims, operators) => {
    expect(await foldWith(runtimeFusions, model, randomFeed('x', dims, 1), operators)).toBe(1);
    expect(model.graph.nodes[0]?.name).toBe('the layer');
    expect(model.graph.nodes.every(({ domain }) => domain === '')).toBe(true);
  });

  it.each<[string, Model]>([
    [
      'an activation that it does not know',
      fused('FusedConv', image, [kernel], { ...square, activation: 'Elu' }),
    ],
    [
      'parameters that are not there',
      fused('FusedConv', image, [kernel], { ...square, activation: 'LeakyRelu' }),
    ],
    ['a value that is transposed', fused('FusedMatMul', [8, 3], [[8, 5]], { transA: 1 })],
    ['a stack of matrices', fused('FusedMatMul', [2, 3, 8], [[2, 8, 5]], { alpha: 0.5 })],
    ['another operator', fused('BiasGelu', [3, 8], [[8]])],
  ])('not so with %s', async (_, model) => {
    await leavesAlone(runtimeFusions, model);
  });
});
