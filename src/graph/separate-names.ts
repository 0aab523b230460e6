import { ownNames } from './bodies.js';
import { NameScope } from './edit.js';
import { type Graph, type Node, subgraphsOf } from './model.js';

/** Names that values of the graphs around have now, by those that they had. */
type Renamed = ReadonlyMap<string, string>;

/**
 * Give every value of a body a name that no other graph gives to one, and every node an id that no other has, in place: the
 * branches of an If may use the same names.
 */
export function separateNames(graph: Graph): void {
  const scope = new NameScope(graph);
  const taken = ownNames(graph);
  const ids = new Set(graph.nodes.map(({ id }) => id));
  const idFor = (wanted: string): string => {
    let id = wanted;
    for (let n = 2; id !== '' && ids.has(id); n++) id = `${wanted}_${n}`;
    ids.add(id);
    return id;
  };
  const visit = (body: Graph, outer: Renamed) => {
    const renamed = new Map(outer);
    for (const name of ownNames(body)) {
      const own = taken.has(name) ? scope.fresh(name) : name;
      taken.add(own);
      if (own === name) renamed.delete(name);
      else renamed.set(name, own);
    }
    if (renamed.size > 0) rename(body, renamed);
    body.nodes = body.nodes.map((node): Node => {
      const id = idFor(node.id);
      return id === node.id ? node : { ...node, id };
    });
    for (const node of body.nodes) for (const inner of subgraphsOf(node)) visit(inner, renamed);
  };
  for (const node of graph.nodes) for (const body of subgraphsOf(node)) visit(body, new Map());
}

/** Rename the values of a graph in place, but not those of its bodies. */
function rename(body: Graph, renamed: Renamed): void {
  const nameOf = (name: string) => renamed.get(name) ?? name;
  const keyed = <T>(entries: ReadonlyMap<string, T>) =>
    new Map([...entries].map(([name, value]) => [nameOf(name), value] as const));
  body.initializers = keyed(body.initializers);
  body.valueInfo = new Map(
    [...body.valueInfo].map(([name, info]) => [nameOf(name), { ...info, name: nameOf(name) }]),
  );
  body.inputs = body.inputs.map((input) => ({ ...input, name: nameOf(input.name) }));
  body.outputs = body.outputs.map((output) => ({ ...output, name: nameOf(output.name) }));
  body.nodes = body.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(nameOf),
    outputs: node.outputs.map(nameOf),
  }));
}
