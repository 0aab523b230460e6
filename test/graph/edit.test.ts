import { expect, test } from 'vitest';
import { addInitializer, NameScope, renameValue, replaceReads, valueNames } from '../../src/graph/edit.js';
import { subgraphsOf } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import { indexUses } from '../../src/graph/uses.js';
import { branchingModel } from '../support/branching-model.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { expectSameOutputs } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

const condition = { type: 'bool', dims: [], data: Uint8Array.of(1) } as const;
const feed = { ...randomFeed('x', [2, 3], 1), condition };

test('renameValue reaches the maker, the readers and the subgraphs', async () => {
  const model = branchingModel();
  const before = await runIn('disabled', model, feed);
  renameValue(model.graph, 'captured', 'renamed');
  renameValue(model.graph, 'deep', 'deeper');
  const uses = indexUses(model.graph);
  expect(['captured', 'deep', 'renamed', 'deeper'].map((value) => uses.isCaptured(value))).toEqual([
    false,
    false,
    true,
    true,
  ]);
  expectSameOutputs(await runIn('disabled', model, feed), before);
});

test('renaming keeps the id, and drops what was stated of the old name', () => {
  const { graph } = branchingModel();
  graph.valueInfo.set('captured', { name: 'captured', dataType: 'float32', shape: [2, 3] });
  renameValue(graph, 'captured', 'renamed');
  expect(graph.valueInfo.size).toBe(0);
  expect(graph.nodes[0]).toMatchObject({ id: 'captured', outputs: ['renamed'] });
});

test('replaceReads leaves makers and graph outputs as they are', () => {
  const g = new GraphBuilder();
  g.input('x', [1]);
  g.node('Relu', ['x'], 'a');
  g.node('Add', ['a', 'a'], 'b');
  g.output('a');
  g.output('b');
  replaceReads(g.graph, 'a', 'x');
  expect(g.graph.nodes.map((node) => [node.inputs, node.outputs])).toEqual([
    [['x'], ['a']],
    [['x', 'x'], ['b']],
  ]);
  expect(g.graph.outputs.map((output) => output.name)).toEqual(['a', 'b']);
});

test('replaceReads replaces a value that a subgraph returns as it is', () => {
  const { graph } = branchingModel();
  const [branch] = subgraphsOf(graph.nodes[2] ?? graph.nodes[0] ?? expect.fail());
  if (!branch) expect.fail();
  branch.outputs = [{ name: 'captured', dataType: 'float32', shape: undefined }];
  replaceReads(graph, 'captured', 'x');
  expect(branch.outputs[0]).toEqual({ name: 'x', dataType: 'float32', shape: undefined });
});

test('new names avoid every name, those inside subgraphs too', () => {
  const { graph } = branchingModel();
  graph.initializers.set('w', tensorOf({ type: 'float32', dims: [0], data: new Float32Array() }));
  expect([...valueNames(graph)]).toEqual(
    expect.arrayContaining([
      'x',
      'condition',
      'captured',
      'deep',
      'y',
      'w',
      'inner',
      'inner_then',
      'inner_else',
    ]),
  );
  const names = new NameScope(graph);
  expect(['free', 'free', 'free', 'inner_then', 'w', 'y'].map((name) => names.fresh(name))).toEqual([
    'free',
    'free_2',
    'free_3',
    'inner_then_2',
    'w_2',
    'y_2',
  ]);
});

test('addInitializer gives the name it took', () => {
  const { graph } = branchingModel();
  const tensor = tensorOf({ type: 'float32', dims: [1], data: Float32Array.of(3) });
  expect(addInitializer(graph, 'deep', tensor)).toBe('deep_2');
  expect(graph.initializers.get('deep_2')).toBe(tensor);
});
