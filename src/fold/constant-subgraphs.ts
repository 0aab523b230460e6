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

/** Operators that make a sequence, which no initializer can hold. */
const sequences = ['SequenceConstruct', 'SequenceEmpty', 'SplitToSequence'];

/** Operators that keep a constant small on purpose: folding them would undo what they are for. */
const compact = ['QuantizeLinear', 'DequantizeLinear'];

const kept = [...random, ...sequences, ...compact, 'Constant'];

/** A folded value may be this much larger than all that it was computed from: Expand and Tile would fill the file. */
const GROWTH_LIMIT_BYTES = 1 << 20;

/**
 * Constant subgraphs → initializers, evaluated by the runtime.
 *
 * - A node is constant where all its inputs are, it is of the default domain, carries no subgraph, is not random and
 *   makes no sequence.
 * - Only what a node that is not constant reads, a subgraph captures or the graph returns is kept; a graph output that
 *   is constant stays computed, and with it the other outputs of its node.
 * - A value that grows by more than the limit above stays computed.
 */
export const constantSubgraphs: Pass = {
  name: 'constant-subgraphs',
  summary: 'constant subgraphs are evaluated',
  async run(model: Model, context: FoldContext): Promise<number> {
    const { graph } = model;
    const constant = constantNodesOf(graph);
    const wanted = frontier(graph, constant);
    // Nothing constant, or all of it is returned as it is, or dead.
    if (wanted.length === 0) return 0;

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
    const limit = sourceBytes + GROWTH_LIMIT_BYTES;
    const before = graph.nodes.length;
    graph.nodes = graph.nodes.filter((node) => {
      if (!constant.has(node)) return true;
      const arrays = node.outputs.filter(Boolean).map((output) => [output, values.get(output)] as const);
      // All outputs or none: a value that a node still makes must not be an initializer too.
      if (!arrays.every(([, array]) => array && isArrayType(array.type) && array.data.byteLength <= limit)) {
        return true;
      }
      for (const [output, array] of arrays) if (array) graph.initializers.set(output, tensorOf(array));
      return false;
    });
    // Nodes inside the constant part are dead now; the pass after this one removes them.
    return before - graph.nodes.length;
  },
};

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

/** All outputs of the constant nodes that something beyond them reads, but for nodes that make a graph output. */
function frontier(graph: Graph, constant: ReadonlySet<Node>): string[] {
  const uses = indexUses(graph);
  const isRead = (output: string) =>
    uses.isCaptured(output) || uses.readers(output).some((use) => !constant.has(use.node));
  return [...constant]
    .map((node) => node.outputs.filter(Boolean))
    .filter((outputs) => outputs.some(isRead) && !outputs.some((output) => uses.isOutput(output)))
    .flat();
}

function readBy(graph: Graph, nodes: ReadonlySet<Node>): Graph['initializers'] {
  const read = new Set([...nodes].flatMap((node) => node.inputs));
  return new Map([...graph.initializers].filter(([name]) => read.has(name)));
}
