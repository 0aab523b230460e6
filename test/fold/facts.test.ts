import { describe, expect, test } from 'vitest';
import { type Fact, facts, faultOf, forgetUnmade } from '../../src/fold/facts.js';
import { foldModel } from '../../src/fold/fold-model.js';
import { defaultForm } from '../../src/fold/folded-form.js';
import type { Pass } from '../../src/fold/pass.js';
import { passes } from '../../src/fold/passes.js';
import { attribute, type Model, node } from '../../src/graph/model.js';
import { exportedModel } from '../support/exported-model.js';
import { foldContext } from '../support/fold-with.js';
import { GraphBuilder } from '../support/graph-builder.js';

describe('every pass of the list', () => {
  test('finds what it needs made true by a pass before it', () => {
    const held = new Set<Fact>();
    for (const { name, needs, ensures } of passes) {
      for (const fact of needs) expect(held, `${name} needs ${fact}`).toContain(fact);
      for (const fact of ensures) held.add(fact);
    }
  });

  test('makes true what it says, and leaves a sound graph in which what was true still is', async () => {
    const model = exportedModel();
    const held = new Set<Fact>();
    for (const pass of passes) {
      await pass.run(model, foldContext);
      for (const fact of pass.ensures) held.add(fact);
      for (const fact of held) expect(facts[fact](model.graph), `${fact} after ${pass.name}`).toBe(true);
      expect(faultOf(model), pass.name).toBeUndefined();
    }
    expect([...held].sort()).toEqual(Object.keys(facts).sort());
  });
});

test.each(Object.keys(facts) as Fact[])('%s: not so in a model as it was exported', (fact) => {
  const { graph } = exportedModel();
  const [relu] = graph.nodes;
  graph.inputs.push({ name: 'w1', dataType: 'float32', shape: [4, 3, 3, 3] });
  graph.nodes.push(node('Identity', [relu?.outputs[0] ?? ''], ['unread']));
  expect(facts[fact](graph)).toBe(false);
});

test('a Constant that is an output of the graph may stay a node', () => {
  const g = new GraphBuilder();
  g.node('Constant', [], 'c', { value_float: attribute.float(1) });
  g.output('c', []);
  expect(facts['constants are initializers'](g.graph)).toBe(true);
  g.node('Constant', [], 'd', { value_float: attribute.float(1) });
  expect(facts['constants are initializers'](g.graph)).toBe(false);
});

const broken: readonly [string, (model: Model) => void, string][] = [
  [
    'a value without a maker',
    ({ graph }) => graph.nodes.shift(),
    '"c1", which BatchNormalization "n1" reads, has no maker',
  ],
  [
    'a value of two makers',
    ({ graph }) => graph.nodes.push(node('Relu', ['x'], ['c1'])),
    '"c1" has two makers',
  ],
  [
    'a constant that a node makes',
    ({ graph }) => graph.nodes.push(node('Relu', ['x'], ['w1'])),
    '"w1" has two makers',
  ],
  ['a lost output', ({ graph }) => graph.nodes.pop(), 'the output "y" has no maker'],
  [
    'moments of nothing',
    ({ batchNorms }) => batchNorms.set('gone', { beta: new Float32Array(1), gamma: new Float32Array(1) }),
    'the moments of "gone" belong to no value',
  ],
];

describe('a pass that leaves a fault is stopped, by name:', () => {
  test.each(broken)('%s', async (_, damage, fault) => {
    const bad: Pass = {
      ...{ name: 'bad', summary: '', needs: [], ensures: [] },
      run(model) {
        damage(model);
        return 1;
      },
    };
    await expect(foldModel(exportedModel(), defaultForm, [bad])).rejects.toThrow(
      `after the pass bad, ${fault}`,
    );
  });

  test('but a file that comes broken is left to the runtime', async () => {
    const model = exportedModel();
    model.graph.nodes.pop();
    const idle: Pass = { name: 'idle', summary: '', needs: [], ensures: [], run: () => 1 };
    expect(await foldModel(model, defaultForm, [idle])).toHaveLength(1);
  });
});

test('a value that a subgraph reads counts as read', () => {
  const model = exportedModel();
  const branch = { ...model.graph, nodes: [node('Relu', ['nowhere'], ['inner'])], inputs: [], outputs: [] };
  model.graph.nodes.push({
    ...node('If', ['x'], ['chosen']),
    attributes: new Map([['then_branch', { kind: 'graph', value: branch } as const]]),
  });
  expect(faultOf(model)).toContain('"nowhere"');
});

test('moments of values that nothing makes any more are dropped, others stay', () => {
  const model = exportedModel();
  const moments = { beta: new Float32Array(4), gamma: new Float32Array(4) };
  model.batchNorms.set('n1', moments).set('gone', moments);
  forgetUnmade(model);
  expect([...model.batchNorms.keys()]).toEqual(['n1']);
});
