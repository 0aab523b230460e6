import { isArrayType } from '../graph/data-type.js';
import { type Graph, isOp, type Model, type Node, subgraphsOf } from '../graph/model.js';
import { tensorBytes, tensorOf } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import type { FoldContext, Pass } from './pass.js';

/** Operators whose value is not a function of their inputs. */
const random = [
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
];

/** Operators that keep a constant small on purpose: folding them would undo what they are for. */
const kept = [...random, 'QuantizeLinear', 'DequantizeLinear', 'Constant'];

/** A folded value may be this much larger than all that it was computed from: Expand and Tile would fill the file. */
const GROWTH_LIMIT_BYTES = 1 << 20;

/**
 * Constant subgraphs → initializers, evaluated by the runtime.
 *
 * - A node is constant where all its inputs are, it is of the default domain, carries no subgraph and is not random.
 * - Only what a node that is not constant reads, a subgraph captures or the graph returns is kept; a graph output that
 *   is constant stays computed.
 * - A value that grows by more than the limit above stays computed.
 */
export const constantSubgraphs: Pass = {
  name: 'constant-subgraphs',
  summary: 'constant subgraphs are evaluated',
  async run(model: Model, context: FoldContext): Promise<number> {
    const { graph } = model;
    const constant = constantNodesOf(graph);
    if (constant.size === 0) return 0;

    const wanted = frontier(graph, constant);
    const inner: Graph = {
      nodes: [...constant],
      initializers: readBy(graph, constant),
      inputs: [],
      outputs: wanted.map((name) => ({ name, dataType: undefined, shape: undefined })),
      valueInfo: new Map(),
    };
    const { irVersion, opsets } = model;
    const values = await context.evaluate(
      { irVersion, opsets, graph: inner, metadata: new Map(), batchNorms: new Map() },
      wanted,
    );
    const sourceBytes = [...inner.initializers.values()].reduce(
      (sum, tensor) => sum + tensorBytes(tensor),
      0,
    );
    for (const [name, array] of values) {
      if (!isArrayType(array.type) || array.data.byteLength > sourceBytes + GROWTH_LIMIT_BYTES) continue;
      graph.initializers.set(name, tensorOf(array));
    }
    const before = graph.nodes.length;
    graph.nodes = graph.nodes.filter((node) => !constant.has(node) || !node.outputs.every(isReplaced(graph)));
    // Nodes inside the constant part are dead now; the pass after this one removes them.
    return before - graph.nodes.length;
  },
};

const isReplaced =
  (graph: Graph) =>
  (output: string): boolean =>
    !output || graph.initializers.has(output);

function constantNodesOf(graph: Graph): Set<Node> {
  const values = new Set(graph.initializers.keys());
  for (const input of graph.inputs) values.delete(input.name);
  const constant = new Set<Node>();
  for (const node of graph.nodes) {
    const foldable = node.domain === '' && !isOp(node, ...kept) && subgraphsOf(node).length === 0;
    if (!foldable || !node.inputs.every((input) => !input || values.has(input))) continue;
    constant.add(node);
    for (const output of node.outputs) values.add(output);
  }
  return constant;
}

/** Values of the constant nodes that something beyond them reads. */
function frontier(graph: Graph, constant: ReadonlySet<Node>): string[] {
  const uses = indexUses(graph);
  const wanted: string[] = [];
  for (const node of constant) {
    for (const output of node.outputs) {
      if (!output || uses.isOutput(output)) continue;
      const outside = uses.readers(output).some((use) => !constant.has(use.node));
      if (outside || uses.isCaptured(output)) wanted.push(output);
    }
  }
  return wanted;
}

function readBy(graph: Graph, nodes: ReadonlySet<Node>): Graph['initializers'] {
  const read = new Set([...nodes].flatMap((node) => node.inputs));
  return new Map([...graph.initializers].filter(([name]) => read.has(name)));
}
