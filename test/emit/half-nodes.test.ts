import { describe, expect, it } from 'vitest';
import { inHalf } from '../../src/emit/half-nodes.js';
import { type Model, opsetOf } from '../../src/graph/model.js';
import { beyondHalf } from '../../src/prepare/beyond-half.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel, randomFeeds, sourceOf } from '../support/quantize-model.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

/** What a recipe writes, in float16, with what it gives of the first feed, and float of it. */
async function written(model: Model, recipe: GivenRecipe = { exclude: ['*'] }, looks = true) {
  const { float, placement, emitted, feeds } = await quantizeModel(model, recipe);
  if (looks) float.beyondHalf = await beyondHalf(float, sourceOf(feeds), {});
  const { emitted: half, halves } = inHalf(emitted, float, placement);
  const feed = feeds[0] ?? {};
  const [a, b, c] = await Promise.all(
    [float, emitted.model, half.model].map((each) => runIn('default', each, feed)),
  );
  return {
    graph: half.model.graph,
    halves,
    float: numbersOf(a?.get('y')),
    wide: numbersOf(b?.get('y')),
    half: numbersOf(c?.get('y')),
  };
}

const ops = ({ nodes }: Model['graph']) => nodes.map(({ opType }) => opType).join(' ');

function sqnr(a: readonly number[], b: readonly number[]): number {
  const signal = a.reduce((sum, x) => sum + x * x, 0);
  return 10 * Math.log10(signal / a.reduce((sum, x, i) => sum + (x - (b[i] ?? 0)) ** 2, 0));
}

/** x → Conv → what is built → Conv → y. */
function around(middle: (net: Net) => string): Model {
  const net = new Net();
  net.input('x', [1, 4, 6, 6]);
  net.conv('x', 'a');
  return finish(net, net.conv(middle(net), 'y'), [1, 4, 6, 6]);
}

describe('what is not quantized, in float16', () => {
  it('computes so between Casts; inputs and outputs keep their types', async () => {
    const { graph, halves, float, half } = await written(around((net) => net.node('Tanh', ['a'], 't')));
    expect(ops(graph)).toBe('Cast Conv Tanh Conv Cast');
    expect([...graph.initializers.values()].map(({ dataType }) => dataType)).toEqual(
      Array(graph.initializers.size).fill('float16'),
    );
    expect([...graph.inputs, ...graph.outputs].map(({ dataType }) => dataType)).toEqual([
      'float32',
      'float32',
    ]);
    expect(halves).toEqual({ nodes: 3, kept: [] });
    // 11 bits, three roundings.
    expect(sqnr(float, half)).toBeGreaterThan(55);
    expect(sqnr(float, half)).toBeLessThan(80);
  });

  it('has no Cast where inputs and outputs are of float16', async () => {
    const net = new Net();
    net.input('x', [1, 4, 6, 6], 'float16');
    net.node('Cast', ['x'], 'wide', { to: 1 });
    net.node('Relu', [net.conv('wide', 'a')], 'r');
    net.node('Cast', ['r'], 'y', { to: 10 });
    net.output('y', undefined, 'float16');
    const model = net.build();
    const { emitted, placement, float } = await quantizeModel(model, {
      exclude: ['*'],
      activations: { kind: 'float' },
    });
    const { graph } = inHalf(emitted, float, placement).emitted.model;
    expect(ops(graph)).toBe('Conv Relu Cast');
    expect(graph.nodes[0]?.inputs[0]).toBe('x');
  });

  it('stays in float32 where a constant is beyond float16, and comes back within its range', async () => {
    const model = around((net) => {
      const lowest = -3.4028234663852886e38;
      net.node('Add', ['a', net.constant('mask', [6], [0, 0, 0, lowest, lowest, lowest])], 'm');
      return net.node('Softmax', ['m'], 's', { axis: 3 });
    });
    // Nobody has looked at the values.
    const { graph, halves, float, half } = await written(model, undefined, false);
    expect(halves.kept).toEqual([{ id: 'm', value: 'mask', isConstant: true }]);
    expect(ops(graph)).toBe('Cast Conv Cast Add Clip Cast Softmax Conv Cast');
    expect(sqnr(float, half)).toBeGreaterThan(50);
  });

  it('stays in float32 where samples went beyond it', async () => {
    const model = () =>
      around((net) => {
        net.node('Mul', ['a', net.scalar('up', 60_000)], 'u');
        return net.node('Div', ['u', net.scalar('down', 60_000)], 'd');
      });
    const { halves, float, half } = await written(model());
    expect(halves.kept.map(({ id }) => id)).toEqual(['u', 'd']);
    expect(sqnr(float, half)).toBeGreaterThan(50);
    const blind = await written(model(), undefined, false);
    // What it gives on the CPU is no proof: the runtime leaves out Casts to float16 and back.
    expect(blind.halves).toEqual({ nodes: 4, kept: [] });
  });

  it('stays in float32 where values are so small that float16 has few digits', async () => {
    const { halves, float, half } = await written(
      around((net) => {
        net.node('Mul', [net.node('Mul', ['a', net.scalar('p', 0.001)], 'u'), 'p'], 'v');
        net.node('Mul', ['v', 'p'], 'w');
        return net.node('Mul', ['w', net.scalar('q', 1e9)], 'd');
      }),
    );
    expect(halves.kept.map(({ id }) => id)).toEqual(['v', 'w', 'd']);
    expect(sqnr(float, half)).toBeGreaterThan(50);
  });

  it('is what hangs together with a layer beside layers on integers, and nothing between these', async () => {
    const model = () => {
      const net = new Net();
      net.input('x', [1, 4, 6, 6]);
      net.conv('x', 'a');
      net.node('Tanh', ['a'], 't');
      net.conv('t', 'b');
      net.node('Tanh', ['b'], 'u');
      return finish(net, net.node('Tanh', [net.conv('u', 'c')], 'y'), [1, 4, 6, 6]);
    };
    const all = await written(model(), {});
    expect(all.halves).toEqual({ nodes: 0, kept: [] });
    expect(all.half).toEqual(all.wide);
    const { graph, halves, wide, half } = await written(model(), { exclude: ['c'] });
    expect(halves.nodes).toBe(3);
    expect(ops(graph)).toBe(
      'QuantizeLinear DequantizeLinear DequantizeLinear DequantizeLinear Conv QuantizeLinear DequantizeLinear Tanh'.concat(
        ' QuantizeLinear DequantizeLinear DequantizeLinear DequantizeLinear Conv QuantizeLinear DequantizeLinear',
        ' Cast Tanh Conv Tanh Cast',
      ),
    );
    expect(sqnr(wide, half)).toBeGreaterThan(50);
  });

  it('has weights of few bits made float first', async () => {
    const { graph, wide, half } = await written(
      around((net) => net.node('Tanh', ['a'], 't')),
      {
        activations: { kind: 'float' },
      },
    );
    const conv = graph.nodes.find(({ id, opType }) => id === 'a' && opType === 'Conv');
    const maker = graph.nodes.find(({ outputs }) => outputs[0] === conv?.inputs[1]);
    expect(maker?.opType).toBe('Cast');
    expect(sqnr(wide, half)).toBeGreaterThan(50);
  });

  it('has blocks of 4 bits with scales of float16', async () => {
    const net = new Net();
    net.input('x', [1, 4, 6, 64]);
    const model = finish(net, net.matMul('x', 'y', 64, 32));
    const recipe = { bits: 4, format: 'matmulnbits', activations: { kind: 'float' } } as const;
    const { graph, wide, half } = await written(model, { ...recipe, allLayers: true });
    expect(ops(graph)).toBe('Cast MatMulNBits Cast');
    expect([...graph.initializers.values()].map(({ dataType }) => dataType)).toEqual(['uint8', 'float16']);
    expect(sqnr(wide, half)).toBeGreaterThan(50);
  });

  it('stores a constant once that is read in both types', async () => {
    const { graph, half } = await written(
      around((net) => {
        const field = net.random('field', [4, 6, 6]);
        net.node('Add', ['a', field], 't');
        net.node('ReduceSum', [field, net.int64('axes', [1, 2])], 'sum');
        return net.node('Mul', ['t', 'sum'], 'm');
      }),
    );
    expect([...graph.initializers.keys()].filter((name) => name.startsWith('field'))).toEqual(['field_h']);
    expect(half.every(Number.isFinite)).toBe(true);
  });

  it('has bounds as attributes where the opset has no others', async () => {
    const net = new Net();
    net.input('x', [1, 4, 6, 6]);
    net.node('Mul', [net.conv('x', 'a'), net.scalar('k', 1e-12)], 'm');
    net.node('Add', ['m', net.conv('x', 'b')], 'y');
    net.output('y', [1, 4, 6, 6]);
    const model = net.build({ opset: 10 });
    expect(opsetOf(model)).toBe(10);
    const { graph } = await written(model, { exclude: ['*'], activations: { kind: 'float' } }, false);
    const clip = graph.nodes.find(({ opType }) => opType === 'Clip');
    expect(clip?.inputs).toHaveLength(1);
  });
});

describe('values beyond float16', () => {
  it('are those that a run takes there', async () => {
    const net = new Net();
    net.input('x', [1, 4, 6, 6]);
    net.node('Mul', ['x', net.scalar('large', 33_000)], 'l');
    net.node('Mul', ['x', net.scalar('half', 32_000)], 'h');
    net.node('Mul', ['x', net.scalar('small', 1e-5)], 's');
    net.node('Mul', ['x', net.scalar('none', 0)], 'n');
    net.node('Sum', ['l', 'h', 's', 'n'], 'y');
    net.output('y');
    const feeds = randomFeeds(net.build()).map(({ x }) => {
      const data = Float32Array.from(x?.data as Float32Array);
      data[0] = 1;
      return { x: { type: 'float32' as const, dims: [1, 4, 6, 6], data } };
    });
    // x reaches 1: 2 · 33,000 is beyond 65,504, and y is, too.
    expect([...(await beyondHalf(net.build(), sourceOf(feeds), {}))].sort()).toEqual(['l', 's', 'y']);
  });
});
