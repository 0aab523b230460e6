import { expect, test } from 'vitest';
import { initializersOf, mapInitializers } from '../../src/graph/all-tensors.js';
import { type Graph, node } from '../../src/graph/model.js';
import { type Tensor, tensorOf } from '../../src/graph/tensor.js';

const tensor = (value: number): Tensor => tensorOf({ type: 'uint8', dims: [], data: Uint8Array.of(value) });
const byteOf = ({ storage }: Tensor) => (storage.kind === 'raw' ? storage.bytes[0] : undefined);

const graphOf = (values: Readonly<Record<string, number>>, nodes: Graph['nodes'] = []): Graph => ({
  nodes,
  initializers: new Map(Object.entries(values).map(([name, value]) => [name, tensor(value)])),
  inputs: [],
  outputs: [],
  valueInfo: new Map(),
});

const nested = () =>
  graphOf({ a: 1 }, [
    node('If', ['c'], ['y'], {
      then_branch: { kind: 'graph', value: graphOf({ b: 2 }) },
      others: { kind: 'graphs', value: [graphOf({ d: 3 }), graphOf({ e: 4 })] },
    }),
  ]);

test('initializers of the graph and of every subgraph', () => {
  expect([...initializersOf(nested())].map(byteOf)).toEqual([1, 2, 3, 4]);
});

test('a changed copy leaves the graph as it is', () => {
  const graph = nested();
  const changed = mapInitializers(graph, (found) => tensor(10 * (byteOf(found) ?? 0)));
  expect([...initializersOf(changed)].map(byteOf)).toEqual([10, 20, 30, 40]);
  expect([...initializersOf(graph)].map(byteOf)).toEqual([1, 2, 3, 4]);
});
