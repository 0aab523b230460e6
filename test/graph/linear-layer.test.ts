import { describe, expect, test } from 'vitest';
import { eachKernel, firstElementOf, linearLayerOf, outputChannelOf } from '../../src/graph/linear-layer.js';
import { elementCount } from '../../src/numerics/nd-array.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

interface LayerCase {
  opType: string;
  x: number[];
  w: number[];
  attributes: Record<string, number>;
  outputs: number;
}

const layers: LayerCase[] = [
  { opType: 'Conv', x: [1, 4, 3, 3], w: [6, 4, 2, 2], attributes: {}, outputs: 6 },
  { opType: 'Conv', x: [1, 4, 3, 3], w: [6, 2, 2, 2], attributes: { group: 2 }, outputs: 6 },
  { opType: 'Conv', x: [1, 4, 5], w: [4, 1, 3], attributes: { group: 4 }, outputs: 4 },
  { opType: 'ConvTranspose', x: [1, 4, 3, 3], w: [4, 5, 2, 2], attributes: {}, outputs: 5 },
  { opType: 'ConvTranspose', x: [1, 4, 3, 3], w: [4, 3, 2, 2], attributes: { group: 2 }, outputs: 6 },
  { opType: 'Gemm', x: [1, 4], w: [4, 3], attributes: {}, outputs: 3 },
  { opType: 'Gemm', x: [1, 4], w: [3, 4], attributes: { transB: 1 }, outputs: 3 },
  { opType: 'MatMul', x: [1, 4], w: [4, 3], attributes: {}, outputs: 3 },
];

describe.each(layers)('$opType $w $attributes', ({ opType, x, w, attributes, outputs }) => {
  const build = (weights: Float32Array) => {
    const g = new GraphBuilder();
    g.input('x', x);
    g.constant('w', w, weights);
    const name = g.node(opType, ['x', 'w'], 'y', attributes);
    g.output(name);
    return g;
  };
  const size = elementCount(w);

  test('channels', () => {
    const { graph } = build(new Float32Array(size));
    const layer = linearLayerOf(graph, graph.nodes[0] ?? expect.fail());
    expect(layer).toMatchObject({
      weightName: 'w',
      bias: undefined,
      outputChannels: outputs,
      inputChannels: 4,
    });
  });

  test('kernels are all elements in order, each with its channels', () => {
    const { graph } = build(new Float32Array(size));
    const layer = linearLayerOf(graph, graph.nodes[0] ?? expect.fail()) ?? expect.fail();
    const outputOf = outputChannelOf(layer);
    const visited: [number, number][] = [];
    eachKernel(layer, (output, _, from, to) => {
      expect(to - from).toBe(elementCount(w.slice(2)));
      for (let i = from; i < to; i++) visited.push([i, output]);
    });
    expect(visited).toEqual(Array.from({ length: size }, (_, i) => [i, outputOf(i)]));
    for (let output = 0; output < outputs; output++)
      expect(firstElementOf(layer, output)).toBe(visited.find(([, found]) => found === output)?.[0]);
  });

  test('each weight reads and writes the channels that onnxruntime says', async () => {
    const { graph } = build(new Float32Array(size));
    const layer = linearLayerOf(graph, graph.nodes[0] ?? expect.fail()) ?? expect.fail();
    const channels: [number, number][] = [];
    eachKernel(layer, (output, input, from, to) => {
      for (let i = from; i < to; i++) channels.push([output, input]);
    });
    const area = elementCount(x.slice(2));
    for (let i = 0; i < size; i++) {
      // One weight is 1, and each input channel holds a power of its own: the output tells both channels.
      const model = build(Float32Array.from({ length: size }, (_, j) => Number(i === j))).build();
      const data = Float32Array.from({ length: elementCount(x) }, (_, j) => 10 ** Math.floor(j / area));
      const outputsOf = await runIn('disabled', model, { x: { type: 'float32', dims: x, data } });
      const y = numbersOf(outputsOf.get('y'));
      const at = y.findIndex((value) => value !== 0);
      expect(channels[i]).toEqual([Math.floor(at / (y.length / outputs)), Math.log10(y[at] ?? 0)]);
    }
  });
});

describe('what is no linear layer', () => {
  const g = new GraphBuilder();
  g.input('x', [1, 4]);
  g.input('fed', [4, 3]);
  g.constant('w', [4, 3], new Float32Array(12));
  g.constant('cube', [2, 4, 3], new Float32Array(24));
  g.constant('integers', [4, 3], new Int32Array(12));

  test.each([
    ['a weight that is fed', 'MatMul', ['x', 'fed']],
    ['a weight on the left', 'MatMul', ['w', 'x']],
    ['a batch of matrices', 'MatMul', ['x', 'cube']],
    ['an integer weight', 'MatMul', ['x', 'integers']],
    ['another operator', 'Mul', ['x', 'w']],
    ['a Conv weight without kernel axes', 'Conv', ['x', 'w']],
  ])('%s', (_, opType, inputs) => {
    g.graph.nodes = [];
    g.node(opType, inputs, 'y');
    expect(linearLayerOf(g.graph, g.graph.nodes[0] ?? expect.fail())).toBeUndefined();
  });
});
