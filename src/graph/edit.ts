import { type Graph, subgraphsOf } from './model.js';
import type { Tensor } from './tensor.js';
import { indexUses } from './uses.js';

/** Make every read of `from`, in this graph and in its subgraphs, read `to`. Graph outputs keep their names. */
export function replaceReads(graph: Graph, from: string, to: string): void {
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map((value) => (value === from ? to : value));
    for (const subgraph of subgraphsOf(node)) {
      replaceReads(subgraph, from, to);
      subgraph.outputs = subgraph.outputs.map((output) =>
        output.name === from ? { name: to, dataType: output.dataType, shape: output.shape } : output,
      );
    }
  }
}

/** Rename the value that a node makes: the node, and everything that reads it. */
export function renameValue(graph: Graph, from: string, to: string): void {
  for (const node of graph.nodes) node.outputs = node.outputs.map((value) => (value === from ? to : value));
  graph.valueInfo.delete(from);
  replaceReads(graph, from, to);
}

/** Every name that a value of the graph or of its subgraphs has. */
export function valueNames(graph: Graph): Set<string> {
  const names = new Set<string>(graph.initializers.keys());
  for (const { name } of [...graph.inputs, ...graph.outputs]) names.add(name);
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...node.outputs]) names.add(name);
    for (const subgraph of subgraphsOf(node)) for (const name of valueNames(subgraph)) names.add(name);
  }
  return names;
}

/** Hands out names that no value of the graph has yet. */
export class NameScope {
  readonly #taken: Set<string>;

  constructor(graph: Graph) {
    this.#taken = valueNames(graph);
  }

  /** `wanted`, or `wanted_2`, `wanted_3`, … where it is taken. */
  fresh(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#taken.has(name); n++) name = `${wanted}_${n}`;
    this.#taken.add(name);
    return name;
  }
}

/** Add a constant under a name that is free, and return that name. */
export function addInitializer(graph: Graph, wanted: string, tensor: Tensor): string {
  const name = new NameScope(graph).fresh(wanted);
  graph.initializers.set(name, tensor);
  return name;
}

/** Constants that nothing reads go. */
export function dropUnreadConstants(graph: Graph): void {
  const uses = indexUses(graph);
  for (const name of [...graph.initializers.keys()]) if (uses.isUnused(name)) graph.initializers.delete(name);
}
