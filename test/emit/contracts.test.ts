import { describe, expect, it } from 'vitest';
import { emitModel } from '../../src/emit/emit-model.js';
import { addRecipe } from '../../src/emit/recipe-metadata.js';
import type { Attribute, Graph, Model } from '../../src/graph/model.js';
import { outerValues } from '../../src/graph/uses.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { between, finish, Net } from '../support/nets.js';
import { type QuantizedModel, quantizeModel, roleOf } from '../support/quantize-model.js';
import { referenceModel } from '../support/reference-model.js';
import { opsOf, optimizedGraph, runIn } from '../support/sessions.js';

/** As written it computes what the reference does, and its nodes stand in topological order. */
async function expectSound({ float, plan, bytes, feeds, emitted }: QuantizedModel): Promise<void> {
  expectOrdered(emitted.model.graph);
  for (const feed of feeds) {
    const expected = await runIn('disabled', referenceModel(float, plan), feed);
    expect(await runIn('disabled', bytes, feed)).toEqual(expected);
    expect([...(await runIn('default', bytes, feed)).keys()]).toEqual([...expected.keys()]);
  }
}

function expectOrdered(graph: Graph): void {
  const known = new Set(['', ...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  for (const node of graph.nodes) {
    const reads = [...node.inputs];
    for (const { kind, ...value } of node.attributes.values() as Iterable<Attribute>) {
      if (kind === 'graph') reads.push(...outerValues((value as { value: Graph }).value));
    }
    for (const value of reads) expect(known, `${node.opType} reads ${value}`).toContain(value);
    for (const output of node.outputs) known.add(output);
  }
  for (const { name } of graph.outputs) expect(known).toContain(name);
}

const count = (graph: Graph, opType: string) => graph.nodes.filter((node) => node.opType === opType).length;

describe('what the outside sees of a model', () => {
  it('keeps inputs, outputs, dynamic dimensions, versions, metadata and node names', async () => {
    const net = new Net();
    net.input('x', ['batch', 4, 'height', undefined]);
    net.conv('x', 'c');
    net.node('Relu', ['c'], 'r', {}, 'my relu');
    net.graph.valueInfo.set('c', {
      name: 'c',
      dataType: 'float32',
      shape: ['batch', 4, 'height', undefined],
    });
    const model = finish(net, net.conv('r', 'y'), ['batch', 4, 'height', undefined], {
      opset: 13,
      irVersion: 7,
    });
    model.metadata.set('author', 'someone');
    const feed = randomFeed('x', [2, 4, 5, 6], 1);
    const { emitted, plan } = await quantizeModel(model, {}, [feed]);
    addRecipe(emitted.model, plan.recipe);
    const read = decodeModel(encodeModel(emitted.model));
    const shapes = (graph: Graph) =>
      [...graph.inputs, ...graph.outputs].map(({ name, dataType, shape }) => ({ name, dataType, shape }));
    expect(shapes(read.graph)).toEqual([
      { name: 'x', dataType: 'float32', shape: ['batch', 4, 'height', undefined] },
      { name: 'y', dataType: 'float32', shape: ['batch', 4, 'height', undefined] },
    ]);
    expect([read.irVersion, read.opsets]).toEqual([7, new Map([['', 13]])]);
    expect(read.metadata.get('author')).toBe('someone');
    expect(JSON.parse(read.metadata.get('quantize.recipe') ?? '')).toEqual(plan.recipe);
    expect(read.metadata.get('quantize.tool')).toMatch(/^onnx-quantize \d+\.\d+\.\d+/);
    for (const dims of [
      [2, 4, 5, 6],
      [1, 4, 9, 3],
    ]) {
      const out = await runIn('default', emitted.model, randomFeed('x', dims, 2));
      expect(out.get('y')?.dims).toEqual(dims);
    }
  });

  it('leaves the float model as it is', async () => {
    const model = between((net, v) => net.node('Relu', [v], 'r'));
    const before = encodeModel(model);
    const { plan, bytes } = await quantizeModel(model);
    expect(Buffer.compare(encodeModel(model), before)).toBe(0);
    // The same plan gives the same bytes.
    expect(Buffer.compare(encodeModel(emitModel(model, plan).model), bytes)).toBe(0);
  });

  it('finds free names where the model uses ours', async () => {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    net.conv('x', 'x_q');
    net.conv('x_q', 'x_dq');
    await expectSound(await quantizeModel(finish(net, net.conv('x_dq', 'x_q_weight_q'))));
  });
});

describe('values with several readers', () => {
  it('an output that is also read inside', async () => {
    const model = between((net, v) => {
      net.output(v);
      return net.node('Relu', [v], 'r');
    });
    await expectSound(await quantizeModel(model));
  });

  it('values that are outputs at each kind of place', async () => {
    const model = between((net, v) => {
      const values = [
        net.node('Relu', [v], 'r'),
        net.node('MaxPool', ['r'], 'p', { kernel_shape: [2, 2] }),
        net.node('Add', ['p', net.scalar('k', 0.2)], 'a'),
        net.clip('a', 'fused', -0.5, 0.5),
        net.node('Transpose', ['fused'], 't', { perm: [0, 1, 3, 2] }),
        net.clip('t', 'codes', -0.25, 0.25),
        net.node('Tanh', ['codes'], 'tanh'),
      ];
      for (const value of values) net.output(value);
      return 'codes';
    });
    const quantized = await quantizeModel(model);
    await expectSound(quantized);
    // As observed from outside, no value may change its meaning.
    const [feed] = quantized.feeds;
    if (!feed) throw new Error('no feed');
    const float = await runIn('disabled', quantized.float, feed);
    for (const [name, array] of await runIn('default', quantized.bytes, feed)) {
      const expected = float.get(name)?.data as Float32Array;
      const most = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      (array.data as Float32Array).forEach((value, i) => {
        expect(Math.abs(value - (expected[i] as number)), name).toBeLessThan(0.04 * most);
      });
    }
  });

  it('a graph input that is an output too, and one that floats read', async () => {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    net.output('x');
    net.output(net.node('Tanh', ['x'], 't'));
    await expectSound(await quantizeModel(finish(net, net.conv('x', 'y'))));
  });

  it('a Conv before two Convs and a residual Add: one Q, all integer', async () => {
    const model = between((net, v) => {
      net.node('Add', [net.conv(v, 'a'), net.conv(v, 'b')], 's');
      return net.node('Add', ['s', v], 'o');
    });
    const quantized = await quantizeModel(model);
    await expectSound(quantized);
    const ops = opsOf(await optimizedGraph(quantized.bytes));
    expect(ops).toBe('Q QLinearConv QLinearConv QLinearConv QLinearAdd QLinearAdd QLinearConv DQ');
    expect(count(quantized.emitted.model.graph, 'QuantizeLinear')).toBe(7);
  });

  it('a weight that two Convs share is written once, and two recipes for it make two', async () => {
    const model = () =>
      between((net, v) => {
        net.conv(v, 'a', 4, 4, { bias: false });
        return net.node('Conv', ['a', 'a_weight'], 'b', { pads: [1, 1, 1, 1] });
      });
    const int8 = (graph: Graph) =>
      [...graph.initializers].filter(([, { dataType, dims }]) => dataType === 'int8' && dims.length === 4);
    const shared = await quantizeModel(model());
    await expectSound(shared);
    expect(int8(shared.emitted.model.graph)).toHaveLength(3);
    const apart = await quantizeModel(model(), { rules: [{ pattern: 'b', bits: 5 }] });
    await expectSound(apart);
    expect(int8(apart.emitted.model.graph)).toHaveLength(4);
  });

  it('a bias that two layers share', async () => {
    const model = between((net, v) => {
      net.conv(v, 'a');
      net.random('w', [4, 4, 1, 1]);
      return net.node('Conv', ['a', 'w', 'a_bias'], 'b');
    });
    await expectSound(await quantizeModel(model));
  });

  it('Shape of a quantized value reads its codes', async () => {
    const model = between((net, v) => {
      const shape = net.node('Shape', [v], 'shape');
      net.node('Reshape', [net.conv(v, 'c'), shape], 'back');
      return net.node('Add', ['back', v], 'o');
    });
    const quantized = await quantizeModel(model);
    await expectSound(quantized);
    expect(roleOf(quantized.placement, 'shape').kind).toBe('shape');
    const shape = quantized.emitted.model.graph.nodes.find(({ opType }) => opType === 'Shape');
    expect(shape?.inputs).toEqual(['before_q']);
  });

  it('so does Size, and what is computed from it stays as it is', async () => {
    const model = between((net, v) => {
      const size = net.node('Reshape', [net.node('Size', [v], 'size'), net.int64('one', [1])], 'length');
      const flat = net.node('Reshape', [net.conv(v, 'c'), size], 'flat');
      return net.node('Reshape', [net.node('Sigmoid', [flat], 's'), net.int64('image', [1, 4, 8, 8])], 'o');
    });
    const quantized = await quantizeModel(model);
    await expectSound(quantized);
    expect(roleOf(quantized.placement, 'length').kind).toBe('shape');
    const size = quantized.emitted.model.graph.nodes.find(({ opType }) => opType === 'Size');
    expect(size?.inputs).toEqual(['before_q']);
  });
});

it('what is computed of float constants alone is no shape', async () => {
  const model = between((net, v) => {
    net.node('Tanh', [net.random('k', [1, 4, 1, 1])], 't');
    return net.node('Add', [net.conv(v, 'c'), 't'], 'o');
  });
  const { placement } = await quantizeModel(model);
  expect(roleOf(placement, 't').kind).toBe('float');
});

describe('values that a subgraph captures', () => {
  /** If(flag) then captured else −captured. */
  function branch(net: Net, captured: string): string {
    const body = (opType: string): Attribute => {
      const g = new GraphBuilder();
      g.node(opType, [captured], `${captured}_${opType}`);
      g.output(`${captured}_${opType}`);
      return { kind: 'graph', value: g.graph };
    };
    net.graph.initializers.set('flag', {
      dataType: 'bool',
      dims: [],
      storage: { kind: 'raw', bytes: Uint8Array.of(1) },
    });
    return net.node('If', ['flag'], 'chosen', { then_branch: body('Tanh'), else_branch: body('Neg') });
  }

  it.each(['v', 'r', 'p'])('%s: a result, a clamped one, codes', async (captured) => {
    const model: Model = between((net, v) => {
      net.node('Relu', [v], 'r');
      net.node('MaxPool', ['r'], 'p', { kernel_shape: [1, 1] });
      return (
        net.conv(branch(net, captured === 'v' ? v : captured), 'after') &&
        net.node('Add', ['after', 'p'], 'o')
      );
    });
    const quantized = await quantizeModel(model);
    await expectSound(quantized);
  });
});
