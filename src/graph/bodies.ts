import { type Graph, type Node, subgraphsOf } from './model.js';
import type { Tensor } from './tensor.js';

/** The body of an If, Loop or Scan, at any depth. */
export interface Body {
  readonly graph: Graph;
  /** The node of the main graph that it belongs to in the end. */
  readonly owner: Node;
  /** Constants of the main graph that its nodes can read: those whose names no body around it gives to another value. */
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** All bodies of a graph, outer ones before those in them. */
export function bodiesOf(graph: Graph): Body[] {
  const bodies: Body[] = [];
  const visit = (body: Graph, owner: Node, outer: ReadonlyMap<string, Tensor>) => {
    const constants = without(outer, ownNames(body));
    bodies.push({ graph: body, owner, constants });
    for (const node of body.nodes) for (const inner of subgraphsOf(node)) visit(inner, owner, constants);
  };
  for (const owner of graph.nodes)
    for (const body of subgraphsOf(owner)) visit(body, owner, graph.initializers);
  return bodies;
}

/** The names that a graph gives to values itself: inputs, constants, results. */
export function ownNames(graph: Graph): Set<string> {
  const names = new Set([...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  for (const { outputs } of graph.nodes) for (const name of outputs) if (name) names.add(name);
  return names;
}

/** A map without some of its keys; itself where it has none of them. */
function without(
  tensors: ReadonlyMap<string, Tensor>,
  names: ReadonlySet<string>,
): ReadonlyMap<string, Tensor> {
  if (![...names].some((name) => tensors.has(name))) return tensors;
  return new Map([...tensors].filter(([name]) => !names.has(name)));
}

/** A body as a graph of its own whose constants are those of the main graph that it can read. */
export const viewOf = ({ graph, constants }: Body): Graph => ({
  ...graph,
  initializers: constants as Map<string, Tensor>,
});
