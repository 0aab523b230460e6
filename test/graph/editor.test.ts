import { describe, expect, it } from 'vitest';
import { GraphEditor } from '../../src/graph/editor.js';
import { type Model, node } from '../../src/graph/model.js';
import { floatTensor } from '../../src/graph/tensor.js';
import { indexUses, type Uses } from '../../src/graph/uses.js';
import { ifNode } from '../support/branching-model.js';
import { GraphBuilder } from '../support/graph-builder.js';

/** x → a → b → y, a read twice by b. */
function chain(): Model {
  const g = new GraphBuilder();
  g.input('x', [1]);
  g.node('Relu', ['x'], 'a');
  g.node('Add', ['a', 'a'], 'b');
  g.node('Neg', ['b'], 'y');
  g.output('y');
  return g.build();
}

/** All that an index knows of the values named. */
const known = (uses: Uses, values: readonly string[]) =>
  values.map((value) => ({
    value,
    maker: uses.producer(value)?.opType,
    reads: uses.readers(value).map((use) => `${use.node.opType} ${use.index}`),
    captured: uses.isCaptured(value),
    once: uses.hasOneUse(value),
    unused: uses.isUnused(value),
  }));

const names = ['x', 'a', 'b', 'y', 'c', 'd'];
const edits: readonly [string, (editor: GraphEditor) => void][] = [
  ['a changed input', (e) => e.change(nodeOf(e, 'Add'), ({ inputs }) => inputs.splice(1, 1, 'x'))],
  ['a changed output', (e) => e.change(nodeOf(e, 'Neg'), ({ outputs }) => outputs.splice(0, 1, 'c'))],
  ['a node gone', (e) => e.replace(nodeOf(e, 'Neg'))],
  ['two for one', (e) => e.replace(nodeOf(e, 'Relu'), node('Abs', ['x'], ['c']), node('Exp', ['c'], ['a']))],
  ['reads replaced', (e) => e.replaceReads('a', 'x')],
  ['a value renamed', (e) => e.rename('b', 'd')],
];

const nodeOf = ({ graph }: GraphEditor, opType: string) =>
  graph.nodes.find((each) => each.opType === opType) ?? expect.fail(opType);

describe('the index after an edit is that of the graph indexed again', () => {
  it.each(edits)('%s', (_, edit) => {
    const editor = new GraphEditor(chain());
    const before = known(editor.uses, names);
    edit(editor);
    const after = known(editor.uses, names);
    expect(after).toEqual(known(indexUses(editor.graph), names));
    expect(after).not.toEqual(before);
  });
});

it('a captured value is replaced in the subgraph too', () => {
  const g = new GraphBuilder();
  g.input('x', [1]);
  g.input('condition', [], 'bool');
  g.node('Relu', ['x'], 'a');
  ifNode(g, 'condition', 'y', 'Neg', ['a']);
  g.output('y');
  const editor = new GraphEditor(g.build());
  expect(editor.uses.isCaptured('a')).toBe(true);
  editor.replaceReads('a', 'x');
  expect(editor.uses.isCaptured('a')).toBe(false);
  expect(editor.uses.isCaptured('x')).toBe(true);
});

it('a name is handed out once', () => {
  const editor = new GraphEditor(chain());
  const tensor = floatTensor('float32', [1], Float64Array.of(2));
  expect(editor.addInitializer('a', tensor)).toBe('a_2');
  expect(editor.fresh('a')).toBe('a_3');
  expect([...editor.graph.initializers.keys()]).toEqual(['a_2']);
});
