import { type Graph, inputAt, intAttribute, type Node, ruleFor } from './model.js';
import { integersOf } from './tensor.js';
import type { Uses } from './uses.js';

/** The rank of a node's first output from those of its inputs; undefined where they do not tell. */
type RankRule = (
  node: Node,
  rankAt: (input: number) => number | undefined,
  graph: Graph,
) => number | undefined;

const kept: RankRule = (_, rankAt) => rankAt(0);
const fixed =
  (rank: number): RankRule =>
  () =>
    rank;

/** Operands are stretched over each other: the longest shape wins. */
const broadcast: RankRule = (node, rankAt) => {
  let most = 0;
  for (let input = 0; input < node.inputs.length; input++) {
    const rank = rankAt(input);
    if (rank === undefined) return undefined;
    most = Math.max(most, rank);
  }
  return most;
};

const reduced: RankRule = (node, rankAt) => (intAttribute(node, 'keepdims', 1) === 0 ? undefined : rankAt(0));

/** How the rank of each operator's output follows from its inputs. */
export const rankRules: Readonly<Record<string, RankRule>> = {
  Abs: kept,
  Add: broadcast,
  AveragePool: kept,
  BatchNormalization: kept,
  Clip: kept,
  Concat: kept,
  Conv: kept,
  ConvTranspose: kept,
  DepthToSpace: kept,
  Div: broadcast,
  Dropout: kept,
  Elu: kept,
  Erf: kept,
  Exp: kept,
  Flatten: fixed(2),
  // [steps, directions, batch, hidden]
  GRU: fixed(4),
  Gather: (_, rankAt) => {
    const [data, indices] = [rankAt(0), rankAt(1)];
    return data === undefined || indices === undefined ? undefined : data - 1 + indices;
  },
  Gelu: kept,
  Gemm: fixed(2),
  GlobalAveragePool: kept,
  GlobalMaxPool: kept,
  GroupNormalization: kept,
  HardSigmoid: kept,
  HardSwish: kept,
  Identity: kept,
  InstanceNormalization: kept,
  LSTM: fixed(4),
  LayerNormalization: kept,
  LeakyRelu: kept,
  Log: kept,
  LogSoftmax: kept,
  // A matrix weight keeps the rank of the activation before it.
  MatMul: (node, rankAt, graph) => {
    const rank = rankAt(0);
    const weight = graph.initializers.get(inputAt(node, 1) ?? '');
    return rank !== undefined && rank >= 2 && weight?.dims.length === 2 ? rank : undefined;
  },
  MaxPool: kept,
  Mul: broadcast,
  Neg: kept,
  PRelu: broadcast,
  Pad: kept,
  Pow: broadcast,
  RMSNormalization: kept,
  RNN: fixed(4),
  Reciprocal: kept,
  ReduceL2: reduced,
  ReduceMean: reduced,
  ReduceSum: reduced,
  Relu: kept,
  Reshape: (node, _, graph) => {
    const shape = graph.initializers.get(inputAt(node, 1) ?? '');
    return shape && integersOf(shape).length;
  },
  Resize: kept,
  Shape: fixed(1),
  Sigmoid: kept,
  SimplifiedLayerNormalization: kept,
  Size: fixed(0),
  Slice: kept,
  Softmax: kept,
  Softplus: kept,
  SpaceToDepth: kept,
  Split: kept,
  Sqrt: kept,
  Sub: broadcast,
  Sum: broadcast,
  Tanh: kept,
  Tile: kept,
  Transpose: kept,
  Where: broadcast,
};

/**
 * The rank of a value, where the graph states it or an operator before it fixes it; undefined otherwise.
 * An exact answer or none: a pass that needs a rank leaves the graph alone without one.
 */
export function rankOf(graph: Graph, uses: Uses, value: string): number | undefined {
  return ranksOf(graph, uses)(value);
}

/** The same for many values of one graph: what was found for one is not sought again for the next. */
export function ranksOf(graph: Graph, uses: Uses): (value: string) => number | undefined {
  const ranks = new Ranks(graph, uses);
  return (value) => ranks.of(value);
}

/** Remembers what it found: without that, a chain of residual blocks takes time exponential in its length. */
class Ranks {
  readonly #graph: Graph;
  readonly #uses: Uses;
  readonly #found = new Map<string, number | undefined>();

  constructor(graph: Graph, uses: Uses) {
    this.#graph = graph;
    this.#uses = uses;
  }

  of(value: string): number | undefined {
    if (!this.#found.has(value)) {
      // A broken graph may run in a circle: what is asked for again on the way is unknown.
      this.#found.set(value, undefined);
      this.#found.set(value, this.#derive(value));
    }
    return this.#found.get(value);
  }

  #derive(value: string): number | undefined {
    const graph = this.#graph;
    const stated =
      graph.initializers.get(value)?.dims ??
      graph.inputs.find((input) => input.name === value)?.shape ??
      graph.valueInfo.get(value)?.shape ??
      graph.outputs.find((output) => output.name === value)?.shape;
    if (stated) return stated.length;
    const producer = this.#uses.producer(value);
    return producer && producer.outputs[0] === value ? this.#ofOutput(producer) : undefined;
  }

  #ofOutput(node: Node): number | undefined {
    const rule = ruleFor(rankRules, node);
    const rankAt = (input: number) => {
      const value = inputAt(node, input);
      return value === undefined ? undefined : this.of(value);
    };
    return rule?.(node, rankAt, this.#graph);
  }
}
