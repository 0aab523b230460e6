import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { floatTensor, tensorBytes } from '../../src/graph/tensor.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { shapeAt } from '../../src/place/placement.js';
import { weightAt } from '../../src/quantize/plan.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';

interface Case {
  readonly model: Model;
  readonly feed: Feed;
}

/** A recurrent net of `gates` gates, hidden size 5, both directions; its initial state is left out. */
function recurrent(opType: string, gates: number): Case {
  const g = new GraphBuilder();
  g.input('x', ['steps', 'batch', 3]);
  g.constant('w', [2, gates * 5, 3], randomFloats(2 * gates * 15, 1));
  g.constant('r', [2, gates * 5, 5], randomFloats(2 * gates * 25, 2));
  g.node(opType, ['x', 'w', 'r'], 'y', { hidden_size: 5, direction: 'bidirectional' });
  g.output('y');
  return { model: g.build(), feed: randomFeed('x', [4, 2, 3], 3) };
}

function transposed(): Case {
  const g = new GraphBuilder();
  g.input('x', [1, 4, 5, 5]);
  g.constant('w', [4, 3, 2, 2], randomFloats(48, 1));
  g.node('ConvTranspose', ['x', 'w'], 'y', { strides: [2, 2], group: 2 });
  g.output('y');
  return { model: g.build(), feed: randomFeed('x', [1, 4, 5, 5], 3) };
}

function embedding(): Case {
  const g = new GraphBuilder();
  g.input('ids', ['batch', 'sequence'], 'int64');
  g.constant('table', [9, 7], randomFloats(63, 1));
  g.node('Gather', ['table', 'ids'], 'y', {}, 'embed');
  g.output('y');
  const ids = { type: 'int64' as const, dims: [2, 3], data: BigInt64Array.of(0n, 8n, 3n, 3n, -1n, 5n) };
  return { model: g.build(), feed: { ids } };
}

const cases = {
  LSTM: () => recurrent('LSTM', 4),
  GRU: () => recurrent('GRU', 3),
  RNN: () => recurrent('RNN', 1),
  ConvTranspose: transposed,
  Gather: embedding,
};

describe.each(Object.entries(cases))('the weights of %s', (_, build) => {
  const widths = [2, 4, 8].flatMap((bits) =>
    (['channel', 'tensor'] as const).map((granularity) => ({ bits, granularity })),
  );
  it.each(widths)(
    'are stored in $bits bits a $granularity, and run as what is stored',
    async ({ bits, granularity }) => {
      const { model, feed } = build();
      const { emitted, plan, bytes, float } = await quantizeModel(
        model,
        { bits, granularity, allLayers: true },
        [feed],
      );
      expect(plan.weights.size).toBeGreaterThan(0);

      // The float graph with the stored values in the place of its weights.
      const initializers = new Map(float.graph.initializers);
      for (const site of plan.placement.weighted.flatMap(({ sites }) => sites)) {
        const floats = dequantizeTensor(weightAt(plan, site));
        initializers.set(site.weightName, floatTensor('float32', shapeAt(site), floats));
      }
      const reference = { ...float, graph: { ...float.graph, initializers } };
      for (const mode of ['disabled', 'exact', 'default'] as const) {
        expect(await runIn(mode, bytes, feed)).toEqual(await runIn(mode, reference, feed));
      }

      const packed = [...emitted.model.graph.initializers].filter(([name]) => /_q\d*$/.test(name));
      const elements = [...plan.weights.values()].map(({ dims }) =>
        dims.reduce((product, dim) => product * dim, 1),
      );
      const expected = elements.reduce((sum, count) => sum + Math.ceil((count * bits) / 8), 0);
      expect(packed.reduce((sum, [, tensor]) => sum + tensorBytes(tensor), 0)).toBe(expected);
    },
  );
});

it('an excluded embedding stays as it is', async () => {
  const { model, feed } = embedding();
  const { plan, emitted } = await quantizeModel(model, { exclude: ['embed'] }, [feed]);
  expect(plan.weights.size).toBe(0);
  expect(emitted.model.graph.nodes.map((node) => node.opType)).toEqual(['Gather']);
});
