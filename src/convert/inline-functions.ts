import { QuantizeError } from '../errors.js';
import { mapInitializers } from '../graph/all-tensors.js';
import { bodiesOf } from '../graph/bodies.js';
import { NameScope } from '../graph/edit.js';
import {
  type Attribute,
  type Graph,
  type Model,
  type Node,
  node,
  opsetOf,
  subgraphsOf,
  type ValueInfo,
} from '../graph/model.js';
import { callOf, functionsOf, type ModelFunction, referenceOf } from '../proto/functions.js';
import { raiseModel } from './convert-model.js';

/** Functions that call one another deeper than this go in circles. */
const DEEPEST = 100;

/** What inlining did: nothing but that, or it also brought nodes to another opset, which the runtime does not do. */
export type Inlined = 'as they are' | 'converted';

/**
 * Put the nodes of the functions that a model defines in the place of the nodes that call them, in place.
 *
 * Where a function is of another opset than the model, all are raised to the newest of them. Where that is not exact, where
 * another operator set differs, or where a function calls itself, all stay as they are: the runtime knows what to do with them.
 *
 * @param path - the model's file, for messages
 * @returns undefined where nothing changed
 */
export function inlineFunctions(model: Model, path: string): Inlined | undefined {
  const functions = new Map(functionsOf(model).map((each) => [each.key, each]));
  if (functions.size === 0) return undefined;
  const domains = new Set([...functions.values()].map(({ domain }) => domain));
  for (const { opsets } of functions.values())
    for (const [domain, version] of opsets) {
      const own = model.opsets.get(domain);
      if (domain !== '' && own !== undefined && own !== version && !domains.has(domain)) return undefined;
    }
  if (isDeep(functions)) return undefined;
  const opsets = [model, ...functions.values()].flatMap((each) => each.opsets.get('') ?? []);
  const isConverted = new Set(opsets).size > 1;
  // Inlining changes the graph in place: a copy, so that what cannot be raised leaves it as it was.
  const graph = mapInitializers(model.graph, (tensor) => tensor);
  const made = { ...model, graph, opsets: new Map(model.opsets) };
  try {
    if (isConverted) raiseModel(made, path, Math.max(...opsets));
    const names = new NameScope(graph);
    inlineIn(graph, {
      functions,
      names,
      raise: (nodes, called, call) => raised(nodes, called, call, { model: made, names, path }),
    });
  } catch (thrown) {
    if (isConverted && thrown instanceof QuantizeError && thrown.code === 'operator-unconvertible')
      return undefined;
    throw thrown;
  }
  for (const { opsets } of functions.values())
    for (const [domain, version] of opsets) if (!made.opsets.has(domain)) made.opsets.set(domain, version);
  const graphs = [graph, ...bodiesOf(graph).map((body) => body.graph)];
  const used = new Set(graphs.flatMap(({ nodes }) => nodes.map(({ domain }) => domain)));
  for (const domain of domains) if (domain !== '' && !used.has(domain)) made.opsets.delete(domain);
  Object.assign(model.graph, graph);
  model.opsets.clear();
  for (const [domain, version] of made.opsets) model.opsets.set(domain, version);
  delete (model.carried as Record<string, unknown>).functions;
  return isConverted ? 'converted' : 'as they are';
}

/** Where the nodes of a call go. */
interface Raising {
  readonly model: Pick<Model, 'graph' | 'opsets'>;
  readonly names: NameScope;
  readonly path: string;
}

/** The nodes of one call, of the function's opset, as the model's. New constants go to the model. */
function raised(nodes: Node[], called: ModelFunction, call: Node, { model, names, path }: Raising): Node[] {
  const [own, wanted] = [called.opsets.get(''), opsetOf(model)];
  if (own === undefined || own >= wanted) return nodes;
  const outputs = call.outputs.map((name): ValueInfo => ({ name, dataType: undefined, shape: undefined }));
  const { initializers } = model.graph;
  const graph: Graph = { nodes, initializers, inputs: [], outputs, valueInfo: new Map() };
  raiseModel({ graph, opsets: new Map([['', own]]) }, path, wanted, own, names);
  return graph.nodes;
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

interface Inlining {
  readonly functions: ReadonlyMap<string, ModelFunction>;
  readonly names: NameScope;
  /** Brings the nodes of a call to the opset of the model. */
  readonly raise: (nodes: Node[], called: ModelFunction, call: Node) => Node[];
}

function inlineIn(graph: Graph, inlining: Inlining): void {
  const { functions, names, raise } = inlining;
  const pending = [...graph.nodes].reverse();
  const nodes: Node[] = [];
  for (let each = pending.pop(); each; each = pending.pop()) {
    const called = functions.get(callOf(each));
    if (called) {
      pending.push(...raise(bodyOf(each, called, names), called, each).reverse());
      continue;
    }
    for (const body of subgraphsOf(each)) inlineIn(body, inlining);
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
