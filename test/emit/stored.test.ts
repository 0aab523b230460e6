import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { tensorBytes } from '../../src/graph/tensor.js';
import { between, finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { referenceModel } from '../support/reference-model.js';
import { optimizedGraph, runIn } from '../support/sessions.js';

function matrices(): Model {
  const net = new Net();
  net.input('x', [2, 8]);
  net.gemm('x', 'h', 8, 8, { transB: 1 });
  net.node('Add', [net.matMul('h', 'm', 8, 5), net.random('b', [5])], 'y');
  return finish(net, 'y');
}

const models = {
  Conv: () => between((net, v) => net.node('Relu', [net.conv(v, 'c', 4, 4, { group: 2 })], 'r')),
  matrices,
};

describe.each(Object.entries(models))('weights only: %s', (_, model) => {
  const cases = [2, 3, 4, 6, 8].flatMap((bits) =>
    (['channel', 'tensor'] as const).flatMap((granularity) =>
      [13, 21].map((opset) => ({ bits, granularity, opset })),
    ),
  );
  it.each(cases)('$bits bits a $granularity, opset $opset', async ({ bits, granularity, opset }) => {
    const built = { ...model(), opsets: new Map([['', opset]]), irVersion: opset >= 21 ? 10 : 7 };
    const quantized = await quantizeModel(built, {
      bits,
      granularity,
      allLayers: true,
      activations: { kind: 'float' },
    });
    const { emitted, bytes, float, plan, feeds } = quantized;
    const types = (nodes: readonly { opType: string }[]) => new Set(nodes.map(({ opType }) => opType));
    expect(types(emitted.model.graph.nodes)).not.toContain('QuantizeLinear');
    // Nothing is left of the weight's form at run time: no DQ, no Cast, no Gather, and no int8.
    const graph = await optimizedGraph(bytes);
    const left = [...types(graph.nodes)];
    for (const op of ['DequantizeLinear', 'Cast', 'Gather', 'Mul', 'MatMulNBits'])
      expect(left).not.toContain(op);
    expect([...graph.initializers.values()].map(({ dataType }) => dataType)).not.toContain('int8');
    // Biases and all else stay float: what runs is the float graph with other weights, to the bit.
    for (const feed of feeds) {
      const reference = referenceModel(float, plan);
      expect(await runIn('disabled', bytes, feed)).toEqual(await runIn('disabled', reference, feed));
      expect(await runIn('default', bytes, feed)).toEqual(await runIn('default', reference, feed));
    }
    const stored = bits === 2 ? 2 : bits <= 4 ? 4 : 8;
    for (const [name, { dims }] of float.graph.initializers) {
      if (!name.endsWith('_weight')) continue;
      const codes = [...emitted.model.graph.initializers].find(([other]) =>
        new RegExp(`^${name}_q\\d*$`).test(other),
      );
      const count = dims.reduce((a, b) => a * b, 1);
      expect(codes && tensorBytes(codes[1]), name).toBe(Math.ceil((count * stored) / 8));
      expect(emitted.model.graph.initializers.has(name)).toBe(false);
    }
  });
});
