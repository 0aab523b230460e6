import { isArrayType } from '../graph/data-type.js';
import { type Graph, isOp, type Model, type Node, subgraphsOf } from '../graph/model.js';
import { isRandom } from '../graph/random-operators.js';
import { type Tensor, tensorBytes, tensorOf } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { FoldContext, Pass } from './pass.js';

/** Operators that make a sequence, which no initializer can hold. */
const sequences = ['SequenceConstruct', 'SequenceEmpty', 'SplitToSequence'];

/** Operators that keep a constant small on purpose: folding them would undo what they are for. */
const compact = ['QuantizeLinear', 'DequantizeLinear'];

const kept = [...sequences, ...compact, 'Constant'];

/** Weights that a layer takes may be this much larger than all that they were computed from: they are quantized. */
const WEIGHT_GROWTH_BYTES = 1 << 20;

/** … and together, in the byte that each of them takes in the end, by this part of the file: what quantization takes away at least. */
const WEIGHT_GROWTH_SHARE = 1 / 2;
/** Bytes of a float for one of its code. */
const FLOAT_BYTES = 4;

/** What all other folded values together may add to a file of any size: shapes, indices and small tables. */
const LEAST_GROWTH_BYTES = 4096;

/** … and to a large one: quantization takes away far more than this part of it. */
const GROWTH_SHARE = 1 / 8;

/**
 * Constant subgraphs → initializers, evaluated by the runtime.
 *
 * - A node is constant where all its inputs are, it is of the default domain, carries no subgraph, is not random and
 *   makes no sequence.
 * - Only what a node that is not constant reads, a subgraph captures or the graph returns is kept; a graph output that
 *   is constant stays computed, and with it the other outputs of its node.
 * - Expand, Tile and Range would fill the file: what a layer takes as its weight may grow by a MiB, all such weights by half of
 *   the file's constants when they have 8 bits, so that the file does not become larger; all else together by an eighth of the
 *   constants and what they were computed from. The smallest come first; the rest stays computed.
 */
export const constantSubgraphs: Pass = {
  name: 'constant-subgraphs',
  summary: 'constant subgraphs are evaluated',
  needs: ['constants are initializers', 'initializers are not fed'],
  ensures: [],
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
    const folded = affordable(graph, inner, values);
    const before = graph.nodes.length;
    graph.nodes = graph.nodes.filter((node) => !folded.has(node));
    for (const node of constant) {
      if (!folded.has(node)) continue;
      for (const output of node.outputs) {
        const array = values.get(output);
        if (array) graph.initializers.set(output, tensorOf(array));
      }
    }
    // Nodes inside the constant part are dead now; the pass after this one removes them.
    return before - graph.nodes.length;
  },
};

/** The nodes whose values are worth their bytes in the file. */
function affordable(graph: Graph, inner: Graph, values: ReadonlyMap<string, NdArray>): Set<Node> {
  const uses = indexUses(graph);
  const bytes = (tensors: Iterable<Tensor>) => {
    let sum = 0;
    for (const tensor of tensors) sum += tensorBytes(tensor);
    return sum;
  };
  const sourceBytes = bytes(inner.initializers.values());
  const isWeight = (output: string) =>
    uses
      .readers(output)
      .some(({ node, index }) => index === 1 && isOp(node, 'Conv', 'ConvTranspose', 'Gemm', 'MatMul'));
  const costs = inner.nodes.flatMap((node) => {
    const outputs = node.outputs.filter((output) => values.has(output));
    const arrays = outputs.map((output) => values.get(output));
    // All outputs or none: a value that a node still makes must not be an initializer too.
    const isWhole = outputs.length === node.outputs.filter(Boolean).length;
    if (!isWhole || !arrays.every((array) => array && isArrayType(array.type))) return [];
    const size = arrays.reduce((sum, array) => sum + (array?.data.byteLength ?? 0), 0);
    return [{ node, size, isWeight: outputs.some(isWeight) }];
  });
  const fileBytes = bytes(graph.initializers.values());
  let left = sourceBytes + Math.max(LEAST_GROWTH_BYTES, GROWTH_SHARE * fileBytes);
  let leftForWeights = sourceBytes + Math.max(LEAST_GROWTH_BYTES, WEIGHT_GROWTH_SHARE * fileBytes);
  const folded = new Set<Node>();
  for (const { node, size, isWeight: taken } of costs.sort((a, b) => a.size - b.size)) {
    const fits = taken
      ? size <= sourceBytes + WEIGHT_GROWTH_BYTES && size / FLOAT_BYTES <= leftForWeights
      : size <= left;
    if (!fits) continue;
    if (taken) leftForWeights -= size / FLOAT_BYTES;
    else left -= size;
    folded.add(node);
  }
  return folded;
}

/** The nodes that can be evaluated once, before anything is fed. */
export function constantNodesOf(graph: Graph): Set<Node> {
  const values = new Set(graph.initializers.keys());
  for (const input of graph.inputs) values.delete(input.name);
  const constant = new Set<Node>();
  for (const node of graph.nodes) {
    const foldable =
      node.domain === '' && !isOp(node, ...kept) && !isRandom(node) && subgraphsOf(node).length === 0;
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
