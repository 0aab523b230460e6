import { describe, expect, it } from 'vitest';
import { bodyConstants } from '../../src/fold/body-constants.js';
import { type Model, subgraphsOf } from '../../src/graph/model.js';
import {
  type BodyLayer,
  bodyFeed,
  gemmLayer,
  ifModel,
  loopModel,
  lstmLayer,
  matMulLayer,
  nestedModel,
  tableLayer,
} from '../support/body-models.js';
import { foldWith } from '../support/fold-with.js';
import { randomFloats } from '../support/graph-builder.js';

/** Names of the float constants that stand in bodies, at any depth. */
function innerFloats({ graph }: Pick<Model, 'graph'>): string[] {
  return graph.nodes.flatMap((node) =>
    subgraphsOf(node).flatMap((body) => [
      ...[...body.initializers].filter(([, { dataType }]) => dataType === 'float32').map(([name]) => name),
      ...innerFloats({ graph: body }),
    ]),
  );
}

const all = [matMulLayer, gemmLayer, lstmLayer, tableLayer];

describe.each<[string, Model, number]>([
  // MatMul 1, Gemm 2, LSTM 1 (what it is computed from is gone), table 1: in each body.
  ['the branches of an If', ifModel(all), 10],
  ['branches with the same names', ifModel(all, true), 10],
  ['an If inside an If', nestedModel(all), 20],
  ['the body of a Loop', loopModel(all), 5],
])('weights in %s', (_, model, count) => {
  it('stand in the main graph, and nothing else is another', async () => {
    const operators = model.graph.nodes.map(({ opType }) => opType);
    expect(await foldWith(bodyConstants, model, bodyFeed(true), operators)).toBe(count);
    expect(innerFloats(model)).toEqual([]);
    const ids = new Set<string>();
    const visit = (nodes: Model['graph']['nodes']) => {
      for (const node of nodes) {
        expect(ids).not.toContain(node.id);
        ids.add(node.id);
        for (const body of subgraphsOf(node)) visit(body.nodes);
      }
    };
    visit(model.graph.nodes);
  });
});

it('copies of one weight become one', async () => {
  const same: BodyLayer = (g, value, name) => matMulLayer(g, value, name, 5);
  const model = ifModel([same]);
  await foldWith(bodyConstants, model, bodyFeed(false), ['Relu', 'If']);
  expect(model.graph.initializers.size).toBe(1);
});

it('a constant that the body returns, and one that no layer reads, stay', async () => {
  const adding: BodyLayer = (g, value, name) => {
    g.constant(`${name}_k`, [8], [1, 2, 3, 4, 5, 6, 7, 8]);
    return g.node('Add', [value, `${name}_k`], name);
  };
  const model = ifModel([adding]);
  expect(await foldWith(bodyConstants, model, bodyFeed(true), ['Relu', 'If'])).toBe(0);
  expect(innerFloats(model)).toEqual(['t0_k', 'e0_k']);
});

it('a BatchNormalization folds into the Conv before it, in the body', async () => {
  const normalized: BodyLayer = (g, value, name, seed) => {
    g.constant(`${name}_in`, [3], BigInt64Array.of(1n, 2n, 8n));
    g.constant(`${name}_out`, [2], BigInt64Array.of(2n, 8n));
    g.constant(`${name}_w`, [2, 2, 3], randomFloats(12, seed));
    for (const part of ['scale', 'shift', 'mean'])
      g.constant(`${name}_${part}`, [2], randomFloats(2, seed + 1));
    g.constant(`${name}_var`, [2], [0.25, 4]);
    g.node('Reshape', [value, `${name}_in`], `${name}_x`);
    g.node('Conv', [`${name}_x`, `${name}_w`], `${name}_c`, { pads: [1, 1] });
    const parts = ['c', 'scale', 'shift', 'mean', 'var'].map((part) => `${name}_${part}`);
    g.node('BatchNormalization', parts, `${name}_n`);
    return g.node('Reshape', [`${name}_n`, `${name}_out`], name);
  };
  const model = ifModel([normalized]);
  await foldWith(bodyConstants, model, bodyFeed(true), ['Relu', 'If']);
  const inner = model.graph.nodes.flatMap(subgraphsOf).flatMap(({ nodes }) => nodes);
  expect(inner.map(({ opType }) => opType)).toEqual([
    'Reshape',
    'Conv',
    'Reshape',
    'Reshape',
    'Conv',
    'Reshape',
  ]);
});
