import { type Graph, inputAt, type Node } from '../graph/model.js';
import type { Uses } from '../graph/uses.js';
import { ruleOf } from './operators.js';

/** The operators that become one kernel with the one before them. */
export class FusedChains {
  readonly #graph: Graph;
  readonly #uses: Uses;
  /** The layers that run on integers. */
  readonly layers: ReadonlySet<Node>;
  readonly #biasAdds: ReadonlySet<Node>;

  /** @param biasAdds - the Adds that bring the biases of such layers, and run in their kernels */
  constructor(graph: Graph, uses: Uses, layers: ReadonlySet<Node>, biasAdds: ReadonlySet<Node>) {
    this.#graph = graph;
    this.#uses = uses;
    this.layers = layers;
    this.#biasAdds = biasAdds;
  }

  /** Whether a node is a layer that runs on integers, or brings the bias of one. */
  isLayer(node: Node): boolean {
    return this.layers.has(node) || this.#biasAdds.has(node);
  }

  /** The value at the end of a layer's or an arithmetic operator's fused chain: after its bias and its clamp. */
  resultOf(node: Node): string {
    const [output = ''] = node.outputs;
    if (!this.#uses.hasOneUse(output)) return output;
    const reader = this.#uses.readers(output)[0]?.node;
    if (!reader) return output;
    const isFused =
      this.#biasAdds.has(reader) || (ruleOf(reader)?.role === 'clamp' && this.fusesInto(reader));
    return isFused ? this.resultOf(reader) : output;
  }

  /** Whether a clamp can vanish into the Q after the operator before it: that operator is integer and read by it alone. */
  fusesInto(clamp: Node): boolean {
    const value = inputAt(clamp, 0) ?? '';
    const producer = this.#uses.producer(value);
    if (!producer || !this.#uses.hasOneUse(value) || ruleOf(clamp)?.exception?.(clamp, this.#graph))
      return false;
    const rule = ruleOf(producer);
    return this.isLayer(producer) || (rule?.role === 'arithmetic' && !rule.clamps);
  }
}
