import { bodiesOf } from '../graph/bodies.js';
import { NameScope } from '../graph/edit.js';
import { type Attribute, type Graph, type Model, type Node, node, subgraphsOf } from '../graph/model.js';
import { callOf, functionsOf, type ModelFunction, referenceOf } from '../proto/functions.js';

/** Functions that call one another deeper than this go in circles. */
const DEEPEST = 100;

/**
 * Put the nodes of the functions that a model defines in the place of the nodes that call them, in place.
 *
 * Where a function is of another operator set than the model, or calls itself, all stay as they are: the runtime knows what
 * to do with them.
 *
 * @returns whether anything changed
 */
export function inlineFunctions(model: Model): boolean {
  const functions = new Map(functionsOf(model).map((each) => [each.key, each]));
  if (functions.size === 0) return false;
  const domains = new Set([...functions.values()].map(({ domain }) => domain));
  for (const { opsets } of functions.values())
    for (const [domain, version] of opsets) {
      const own = model.opsets.get(domain);
      if (own !== undefined && own !== version && !domains.has(domain)) return false;
    }
  if (isDeep(functions)) return false;
  for (const { opsets } of functions.values())
    for (const [domain, version] of opsets) if (!model.opsets.has(domain)) model.opsets.set(domain, version);
  const names = new NameScope(model.graph);
  inlineIn(model.graph, functions, names);
  const graphs = [model.graph, ...bodiesOf(model.graph).map(({ graph }) => graph)];
  const used = new Set(graphs.flatMap(({ nodes }) => nodes.map(({ domain }) => domain)));
  for (const domain of domains) if (domain !== '' && !used.has(domain)) model.opsets.delete(domain);
  delete (model.carried as Record<string, unknown>).functions;
  return true;
}

/** Whether calls go deeper than any sound model's. */
function isDeep(functions: ReadonlyMap<string, ModelFunction>): boolean {
  const depths = new Map<string, number>();
  const depthOf = (key: string, above: number): number => {
    if (above > DEEPEST) return above;
    const known = depths.get(key);
    if (known !== undefined) return known;
    const depth =
      1 + Math.max(0, ...callsIn(functions.get(key)?.nodes ?? []).map((k) => depthOf(k, above + 1)));
    depths.set(key, depth);
    return depth;
  };
  const callsIn = (nodes: readonly Node[]): string[] =>
    nodes.flatMap((each) => [
      ...(functions.has(callOf(each)) ? [callOf(each)] : []),
      ...subgraphsOf(each).flatMap((body) => callsIn(body.nodes)),
    ]);
  return [...functions.keys()].some((key) => depthOf(key, 0) > DEEPEST);
}

function inlineIn(graph: Graph, functions: ReadonlyMap<string, ModelFunction>, names: NameScope): void {
  const pending = [...graph.nodes].reverse();
  const nodes: Node[] = [];
  for (let each = pending.pop(); each; each = pending.pop()) {
    const called = functions.get(callOf(each));
    if (called) {
      pending.push(...bodyOf(each, called, names).reverse());
      continue;
    }
    for (const body of subgraphsOf(each)) inlineIn(body, functions, names);
    nodes.push(each);
  }
  graph.nodes = nodes;
}

/** The nodes of a function for one call, its values under names of their own. */
function bodyOf(call: Node, called: ModelFunction, names: NameScope): Node[] {
  const renamed = new Map<string, string>();
  called.inputs.forEach((name, i) => {
    renamed.set(name, call.inputs[i] ?? '');
  });
  const copies: Node[] = [];
  const made = new Set(called.nodes.flatMap(({ outputs }) => outputs));
  called.outputs.forEach((name, i) => {
    const wanted = call.outputs[i];
    if (!wanted) return;
    // A result that is an argument, or is returned twice, is copied.
    if (made.has(name) && !renamed.has(name)) renamed.set(name, wanted);
    else copies.push(node('Identity', [renamed.get(name) ?? name], [wanted]));
  });
  const prefix = call.name ?? call.id;
  const attributes = (name: string): Attribute | undefined =>
    call.attributes.get(name) ?? called.defaults.get(name);
  const copy = { names, attributes, prefix };
  return [...called.nodes.map((each) => copyOf(each, renamed, copy)), ...copies];
}

interface Copying {
  readonly names: NameScope;
  /** The call's attributes, which those of the function stand for. */
  readonly attributes: (name: string) => Attribute | undefined;
  readonly prefix: string;
}

function copyOf(source: Node, renamed: Map<string, string>, copying: Copying): Node {
  const nameOf = (name: string) => {
    if (name === '') return '';
    const known = renamed.get(name);
    if (known !== undefined) return known;
    const made = copying.names.fresh(`${copying.prefix}/${name}`);
    renamed.set(name, made);
    return made;
  };
  const inputs = source.inputs.map(nameOf);
  const attributes = new Map<string, Attribute>();
  for (const [name, found] of source.attributes) {
    const reference = referenceOf(found);
    const value = reference === undefined ? found : copying.attributes(reference);
    if (value?.kind === 'graph')
      attributes.set(name, { ...value, value: graphOf(value.value, renamed, copying) });
    else if (value?.kind === 'graphs')
      attributes.set(name, { ...value, value: value.value.map((body) => graphOf(body, renamed, copying)) });
    // Without a value in the call, and none by default, the operator's own default holds.
    else if (value) attributes.set(name, value);
  }
  const outputs = source.outputs.map(nameOf);
  const id = outputs.find((output) => output !== '') ?? '';
  const name = source.name === undefined ? undefined : `${copying.prefix}/${source.name}`;
  return { ...source, id, name, inputs, outputs, attributes };
}

/** A body inside a function: its own values get names of their own, too. */
function graphOf(body: Graph, outer: ReadonlyMap<string, string>, copying: Copying): Graph {
  const renamed = new Map(outer);
  const fresh = (name: string) => {
    const made = copying.names.fresh(`${copying.prefix}/${name}`);
    renamed.set(name, made);
    return made;
  };
  const initializers = new Map(
    [...body.initializers].map(([name, tensor]) => [fresh(name), tensor] as const),
  );
  const inputs = body.inputs.map((input) => ({ ...input, name: fresh(input.name) }));
  const nodes = body.nodes.map((each) => copyOf(each, renamed, copying));
  const outputs = body.outputs.map((output) => ({
    ...output,
    name: renamed.get(output.name) ?? output.name,
  }));
  return { ...body, nodes, initializers, inputs, outputs, valueInfo: new Map() };
}
