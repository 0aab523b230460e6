import { type Attribute, type Graph, type Node, subgraphsOf } from './model.js';

/** The body of an If, Loop or Scan, at any depth. */
export interface Body {
  readonly graph: Graph;
  /** The nodes around it: one of the main graph, one in its body, and so on; the last one is that whose body it is. */
  readonly holders: readonly [Node, ...Node[]];
}

/** All bodies of a graph, outer ones before those in them. */
export function bodiesOf(graph: Graph): Body[] {
  const bodies: Body[] = [];
  const visit = (part: Graph, around: readonly Node[]) => {
    for (const holder of part.nodes)
      for (const body of subgraphsOf(holder)) {
        const holders = [...around, holder] as unknown as Body['holders'];
        bodies.push({ graph: body, holders });
        visit(body, holders);
      }
  };
  visit(graph, []);
  return bodies;
}

/** The names that a graph gives to values itself: inputs, constants, results. */
export function ownNames(graph: Graph): Set<string> {
  const names = new Set([...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  for (const { outputs } of graph.nodes) for (const name of outputs) if (name) names.add(name);
  return names;
}

/** A node with other bodies. */
export function mapBodies(each: Node, change: (body: Graph) => Graph): Node {
  const attributes = new Map<string, Attribute>();
  for (const [name, found] of each.attributes) {
    if (found.kind === 'graph') attributes.set(name, { ...found, value: change(found.value) });
    else if (found.kind === 'graphs') attributes.set(name, { ...found, value: found.value.map(change) });
    else attributes.set(name, found);
  }
  return { ...each, attributes };
}
