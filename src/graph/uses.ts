import { type Graph, type Node, subgraphsOf } from './model.js';

/** One read of a value: input `index` of `node`. */
export interface Use {
  readonly node: Node;
  readonly index: number;
}

/** Who makes and who reads each value of a graph. A snapshot: index again after a change. */
export interface Uses {
  /** The node that makes the value; undefined for graph inputs and initializers. */
  producer(value: string): Node | undefined;
  /** Reads by nodes of this graph; reads from inside subgraphs are `isCaptured`. */
  readers(value: string): readonly Use[];
  /** Whether a subgraph of some node reads the value from outside. */
  isCaptured(value: string): boolean;
  isOutput(value: string): boolean;
  /** Whether one input of one node is all that ever reads the value. */
  hasOneUse(value: string): boolean;
  /** The node whose input alone reads the value; undefined where anything else does, too. */
  onlyReader(value: string): Node | undefined;
  /** Whether nothing at all reads the value. */
  isUnused(value: string): boolean;
}

/** An index that can follow a change; `graph/editor.ts` does so. */
export interface EditableUses extends Uses {
  /** Forget a node: what it makes and what it reads, but not what its subgraphs capture. */
  remove(node: Node): void;
  /** Index a node, after all that read the same values. */
  add(node: Node): void;
}

const none: readonly Use[] = [];

/** Index a graph: producers, readers, and what its subgraphs capture. */
export function indexUses(graph: Graph): EditableUses {
  const producers = new Map<string, Node>();
  const readers = new Map<string, Use[]>();
  const captured = new Set<string>();
  const outputs = new Set(graph.outputs.map((output) => output.name));

  const add = (node: Node) => {
    for (const output of node.outputs) if (output) producers.set(output, node);
    node.inputs.forEach((value, index) => {
      if (!value) return;
      const uses = readers.get(value);
      if (uses) uses.push({ node, index });
      else readers.set(value, [{ node, index }]);
    });
    for (const subgraph of subgraphsOf(node)) for (const value of outerValues(subgraph)) captured.add(value);
  };
  const remove = (node: Node) => {
    for (const output of node.outputs) if (producers.get(output) === node) producers.delete(output);
    for (const value of new Set(node.inputs)) {
      const others = readers.get(value)?.filter((use) => use.node !== node);
      if (others) readers.set(value, others);
    }
  };
  for (const node of graph.nodes) add(node);

  const readersOf = (value: string) => readers.get(value) ?? none;
  const hasOneUse = (value: string) =>
    readersOf(value).length === 1 && !captured.has(value) && !outputs.has(value);
  return {
    add,
    remove,
    producer: (value) => producers.get(value),
    readers: readersOf,
    isCaptured: (value) => captured.has(value),
    isOutput: (value) => outputs.has(value),
    hasOneUse,
    onlyReader: (value) => (hasOneUse(value) ? readersOf(value)[0]?.node : undefined),
    isUnused: (value) => readersOf(value).length === 0 && !captured.has(value) && !outputs.has(value),
  };
}

/** The names that a subgraph reads from the graphs around it. */
export function outerValues(graph: Graph): Set<string> {
  const own = new Set<string>([...graph.initializers.keys(), ...graph.inputs.map((input) => input.name)]);
  const outer = new Set<string>();
  const read = (value: string) => {
    if (value && !own.has(value)) outer.add(value);
  };
  for (const node of graph.nodes) {
    for (const value of node.inputs) read(value);
    for (const subgraph of subgraphsOf(node)) for (const value of outerValues(subgraph)) read(value);
    for (const value of node.outputs) own.add(value);
  }
  for (const output of graph.outputs) read(output.name);
  return outer;
}

/** Every value that a node reads, what its subgraphs read from outside included. */
export function readsOf(node: Node): string[] {
  const captured = subgraphsOf(node).flatMap((subgraph) => [...outerValues(subgraph)]);
  return [...node.inputs.filter((value) => value), ...captured];
}

/** The nodes that make some values, and those that these need, in their order. */
export function makersOf(nodes: readonly Node[], values: Iterable<string>): Node[] {
  const wanted = new Set(values);
  const makers = new Set<Node>();
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((output) => wanted.has(output))) continue;
    makers.add(node);
    for (const value of readsOf(node)) wanted.add(value);
  }
  return nodes.filter((node) => makers.has(node));
}
