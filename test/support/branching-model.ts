import type { Model } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import { GraphBuilder } from './graph-builder.js';

/** A bool constant, of rank 0. */
export function boolConstant(g: GraphBuilder, name: string, value: boolean): string {
  g.graph.initializers.set(name, tensorOf({ type: 'bool', dims: [], data: Uint8Array.of(value ? 1 : 0) }));
  return name;
}

/** An If whose two branches compute `opType` of the values named, all of them from the graph around it. */
export function ifNode(
  g: GraphBuilder,
  condition: string,
  output: string,
  opType: string,
  values: readonly string[],
): void {
  const branch = (label: string) => {
    const inner = new GraphBuilder();
    inner.node(opType, values, `${output}_${label}`);
    inner.output(`${output}_${label}`);
    return { kind: 'graph', value: inner.graph } as const;
  };
  g.node('If', [condition], output, { then_branch: branch('then'), else_branch: branch('else') });
}

/**
 * x [2, 3] → Relu → captured; Neg → deep; an If reads "captured" in its branches, and one inside it reads "deep".
 *
 * @param wrap - adds nodes on the way from x to "captured", which it must make
 */
export function branchingModel(
  wrap: (g: GraphBuilder) => void = (g) => {
    g.node('Relu', ['x'], 'captured');
  },
): Model {
  const g = new GraphBuilder();
  g.input('x', [2, 3]);
  g.input('condition', [], 'bool');
  wrap(g);
  g.node('Neg', ['x'], 'deep');
  const outer = new GraphBuilder();
  ifNode(outer, 'condition', 'inner', 'Add', ['captured', 'deep']);
  outer.output('inner');
  const other = new GraphBuilder();
  other.node('Exp', ['captured'], 'inner_else');
  other.output('inner_else');
  g.node('If', ['condition'], 'y', {
    then_branch: { kind: 'graph', value: outer.graph },
    else_branch: { kind: 'graph', value: other.graph },
  });
  g.output('y', [2, 3]);
  return g.build();
}
