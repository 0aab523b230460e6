import { expect, it } from 'vitest';
import { refinePlan } from '../../src/refine/refine-plan.js';
import { refiners } from '../../src/refine/refiners.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';

/** x [1, 6, 16] → three MatMuls → Attention of opset 23, in an If or not → MatMul → y. */
function attending(isInside: boolean) {
  const g = new GraphBuilder();
  g.input('x', [1, 6, 16]);
  for (const [i, name] of ['q', 'k', 'v', 'out'].entries())
    g.constant(`w_${name}`, [16, 16], randomFloats(256, i, -0.4, 0.4));
  for (const name of ['q', 'k', 'v']) g.node('MatMul', ['x', `w_${name}`], name);
  const attend = (graph: GraphBuilder, to: string, causal: number) =>
    graph.node('Attention', ['q', 'k', 'v'], to, { q_num_heads: 2, kv_num_heads: 2, is_causal: causal });
  if (isInside) {
    g.constant('zero', [], [0]);
    g.node('ReduceMax', ['x'], 'most', { keepdims: 0 });
    g.node('Greater', ['most', 'zero'], 'c');
    const branch = (to: string, causal: number) => {
      const inner = new GraphBuilder();
      inner.output(attend(inner, to, causal));
      return { kind: 'graph', value: inner.graph } as const;
    };
    g.node('If', ['c'], 'o', { then_branch: branch('t', 0), else_branch: branch('e', 1) });
  } else attend(g, 'o', 0);
  g.output(g.node('MatMul', ['o', 'w_out'], 'y'), [1, 6, 16]);
  return g.build({ opset: 23, irVersion: 10 });
}

it.each([
  ['of the main graph', false],
  ['of an If', true],
])(
  'a walk goes by an Attention %s, of which the runtime infers no size where its value has none',
  async (_, isInside) => {
    const model = attending(isInside);
    const feeds = Array.from({ length: 320 }, (_, i) => ({
      x: { type: 'float32' as const, dims: [1, 6, 16], data: randomFloats(96, 50 + i) },
    }));
    const { plan } = await quantizeModel(model, { bits: 3, allLayers: true }, feeds);
    const sources = { model, source: sourceOf(feeds), seed: 0, maxMemoryBytes: undefined };
    const next = await refinePlan(plan, [[{ name: 'second-order', settings: {} }]], refiners, {
      ...sources,
      pause: async () => {},
      progress: () => {},
    });
    const [record] = next.refinements;
    expect(record?.after).toBeLessThan(record?.before ?? 0);
  },
);
