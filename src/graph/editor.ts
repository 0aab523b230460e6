import { NameScope, renameValue, replaceReads } from './edit.js';
import type { BatchNormMoments, Graph, Model, Node } from './model.js';
import type { Tensor } from './tensor.js';
import { type EditableUses, indexUses } from './uses.js';

/**
 * A graph under change: who makes and who reads each value stays known from edit to edit, so that a pass over thousands
 * of nodes indexes once. What BatchNormalization told of a value follows it under its new name. Edits go through here
 * alone.
 */
export class GraphEditor {
  readonly graph: Graph;
  readonly #batchNorms: Model['batchNorms'];
  readonly #names: NameScope;
  #uses: EditableUses;

  constructor({ graph, batchNorms }: Pick<Model, 'graph' | 'batchNorms'>) {
    this.graph = graph;
    this.#batchNorms = batchNorms;
    this.#names = new NameScope(graph);
    this.#uses = indexUses(graph);
  }

  /** As of the last edit. */
  get uses(): EditableUses {
    return this.#uses;
  }

  /** Change inputs, outputs or attributes of a node; not its subgraphs. */
  change(node: Node, edit: (node: Node) => void): void {
    this.#uses.remove(node);
    edit(node);
    this.#uses.add(node);
  }

  /** Put nodes, or none, where a node without subgraphs stands. */
  replace(node: Node, ...others: Node[]): void {
    this.#uses.remove(node);
    this.graph.nodes.splice(this.graph.nodes.indexOf(node), 1, ...others);
    for (const other of others) this.#uses.add(other);
  }

  /** Make everything that reads one value read another, which holds the same. */
  replaceReads(from: string, to: string): void {
    this.#moveMoments(from, to);
    if (this.#uses.isCaptured(from)) {
      replaceReads(this.graph, from, to);
      this.#uses = indexUses(this.graph);
      return;
    }
    const swap = (value: string) => (value === from ? to : value);
    for (const { node } of [...this.#uses.readers(from)])
      this.change(node, () => {
        node.inputs = node.inputs.map(swap);
      });
  }

  /** Rename a value, in the node that makes it and wherever it is read. */
  rename(from: string, to: string): void {
    this.#moveMoments(from, to);
    renameValue(this.graph, from, to);
    this.#uses = indexUses(this.graph);
  }

  /** A name that no value has yet, from the one wanted. */
  fresh(wanted: string): string {
    return this.#names.fresh(wanted);
  }

  /** Add a constant under a name that is free, and return that name. */
  addInitializer(wanted: string, tensor: Tensor): string {
    const name = this.#names.fresh(wanted);
    this.graph.initializers.set(name, tensor);
    return name;
  }

  /** What a BatchNormalization told of a value; undefined where none did. */
  momentsOf(value: string): BatchNormMoments | undefined {
    return this.#batchNorms.get(value);
  }

  /** State the mean and deviation of a value's channels; undefined: nothing is known of it any more. */
  setMoments(value: string, moments: BatchNormMoments | undefined): void {
    if (moments) this.#batchNorms.set(value, moments);
    else this.#batchNorms.delete(value);
  }

  #moveMoments(from: string, to: string): void {
    const moments = this.#batchNorms.get(from);
    this.#batchNorms.delete(from);
    if (moments && !this.#batchNorms.has(to)) this.#batchNorms.set(to, moments);
  }
}

/** Moments of scale·x + shift, channel by channel; one factor serves all channels. */
export function affineMoments(
  { beta, gamma }: BatchNormMoments,
  scale: ArrayLike<number>,
  shift: ArrayLike<number>,
): BatchNormMoments {
  const at = (values: ArrayLike<number>, c: number) => values[values.length === 1 ? 0 : c] ?? 0;
  return {
    beta: beta.map((mean, c) => mean * at(scale, c) + at(shift, c)),
    gamma: gamma.map((deviation, c) => Math.abs(deviation * at(scale, c))),
  };
}
