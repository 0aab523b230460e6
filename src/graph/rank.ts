import { type Graph, inputAt, isOp, type Node } from './model.js';
import { integersOf } from './tensor.js';
import type { Uses } from './uses.js';

/** Operators whose output has the rank of their first input. */
const rankKeepers = new Set([
  'Relu',
  'Clip',
  'LeakyRelu',
  'Sigmoid',
  'HardSwish',
  'Identity',
  'Dropout',
  'BatchNormalization',
  'Conv',
  'ConvTranspose',
  'MaxPool',
  'AveragePool',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'Transpose',
  'Pad',
  'Slice',
  'Softmax',
  'Concat',
]);

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
    const graph = this.#graph;
    if (isOp(node, 'Gemm', 'Flatten')) return 2;
    if (isOp(node, 'Reshape')) {
      const shape = graph.initializers.get(inputAt(node, 1) ?? '');
      return shape && integersOf(shape).length;
    }
    const [first, second] = [inputAt(node, 0), inputAt(node, 1)];
    const firstRank = first === undefined ? undefined : this.of(first);
    if (firstRank === undefined) return undefined;
    if (node.domain === '' && rankKeepers.has(node.opType)) return firstRank;
    if (isOp(node, 'Add', 'Sub', 'Mul', 'Div')) {
      const secondRank = second === undefined ? undefined : this.of(second);
      return secondRank === undefined ? undefined : Math.max(firstRank, secondRank);
    }
    // A matrix weight keeps the rank of the activation before it.
    if (
      isOp(node, 'MatMul') &&
      second &&
      graph.initializers.get(second)?.dims.length === 2 &&
      firstRank >= 2
    ) {
      return firstRank;
    }
    return undefined;
  }
}
