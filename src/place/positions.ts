import { linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, type Node, subgraphsOf } from '../graph/model.js';
import { storableOf } from '../graph/weight-inputs.js';
import { ruleOf } from './operators.js';
import type { Position } from './placement.js';

/**
 * Where each layer stands among the layers, along the data flow, into the bodies of nodes and out of them.
 *
 * @param besides - layers that only read what others gave, by which those are no less the last
 */
export function positionsOf(graph: Graph, besides: ReadonlySet<Node> = new Set()): Map<Node, Position> {
  const isLayer = (node: Node) =>
    (ruleOf(node)?.role === 'layer' && linearLayerOf(graph, node) !== undefined) ||
    storableOf(node, graph) !== undefined;
  const afterLayer = new Set<string>();
  const hasBefore = new Set<Node>();
  for (const node of graph.nodes) {
    const before = readBy(node).some((value) => afterLayer.has(value));
    if (before) hasBefore.add(node);
    if (before || isLayer(node)) for (const output of node.outputs) afterLayer.add(output);
  }
  const beforeLayer = new Set<string>();
  const positions = new Map<Node, Position>();
  for (const node of [...graph.nodes].reverse()) {
    const after = node.outputs.some((value) => beforeLayer.has(value));
    if (after || (isLayer(node) && !besides.has(node)))
      for (const input of readBy(node)) beforeLayer.add(input);
    if (!isLayer(node)) continue;
    const before = hasBefore.has(node);
    positions.set(node, before ? (after ? 'inner' : 'last') : after ? 'first' : 'only');
  }
  return positions;
}

/** What a node reads, and what its bodies make, of which its results are. */
const readBy = (node: Node): string[] => [
  ...node.inputs,
  ...subgraphsOf(node).flatMap(({ outputs }) => outputs.map(({ name }) => name)),
];
