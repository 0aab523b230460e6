import { type Body, bodiesOf } from './bodies.js';
import { type Graph, type Node, subgraphsOf } from './model.js';
import { indexUses, type Uses } from './uses.js';

/** A graph and the bodies of its nodes, whose values and nodes all have names of their own, as one. */
export interface FlatGraph {
  /** All nodes, those of a body before the one that it belongs to; all constants; what is fed to bodies, and what they give. */
  readonly graph: Graph;
  /** A read from a body is one as any other, but that no kernel reaches into a body: such a value never has one use. */
  readonly uses: Uses;
  /** For the nodes of bodies, by id: the nodes around each. */
  readonly holders: ReadonlyMap<string, Body['holders']>;
}

/** A graph as one with its bodies. */
export function flatOf(graph: Graph): FlatGraph {
  const bodies = bodiesOf(graph);
  if (bodies.length === 0) return { graph, uses: indexUses(graph), holders: new Map() };
  const flat = joined(graph, bodies);
  const uses = { ...indexUses(flat), isCaptured: () => false };
  const holders = bodies.flatMap((body) => body.graph.nodes.map(({ id }) => [id, body.holders] as const));
  return { graph: flat, uses, holders: new Map(holders) };
}

/** All nodes of a graph and of its bodies, those of a body before the one that it belongs to. */
export const flatNodes = ({ nodes }: Graph): Node[] =>
  nodes.flatMap((node) => [...subgraphsOf(node).flatMap(flatNodes), node]);

function joined(graph: Graph, bodies: readonly Body[]): Graph {
  const inner = bodies.map((body) => body.graph);
  return {
    ...graph,
    nodes: flatNodes(graph),
    initializers: new Map([...graph.initializers, ...inner.flatMap(constantsOf)]),
    inputs: [...graph.inputs, ...inner.flatMap(({ inputs }) => inputs)],
    outputs: [...graph.outputs, ...inner.flatMap(({ outputs }) => outputs)],
    valueInfo: new Map([...graph.valueInfo, ...inner.flatMap(({ valueInfo }) => [...valueInfo])]),
  };
}

/** The constants of a body: not those that an old file lists among its inputs. */
function constantsOf({ initializers, inputs }: Graph) {
  const fed = new Set(inputs.map(({ name }) => name));
  return [...initializers].filter(([name]) => !fed.has(name));
}
