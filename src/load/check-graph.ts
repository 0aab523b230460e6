import { QuantizeError } from '../errors.js';
import {
  type Graph,
  inputAt,
  intsAttribute,
  isOp,
  type Model,
  type Node,
  subgraphsOf,
} from '../graph/model.js';
import { integersOf, isFloatTensor, type Tensor } from '../graph/tensor.js';
import { readsOf } from '../graph/uses.js';

/** Sessions take longer than the square of it: 16,000 nodes one minute, these an hour. The largest models have 30,000. */
const MAX_NODES = 100_000;

/** No array library has more axes. */
const MAX_RANK = 64;

/**
 * What every step behind this takes for granted of a graph, subgraphs included:
 *
 * - at least one output; every value has one maker, and is made before it is read: nodes that stand in another order are
 *   put into one, those that run in a circle are refused, and so are values that nobody makes;
 * - integers of attributes within ±2^53 (the bounds of a Slice may be beyond), axes within ±64;
 * - the parameters of Conv, ConvTranspose, Gemm and BatchNormalization have the types and shapes that they need.
 *
 * @param path - the model's file, for messages
 * @throws QuantizeError `model-malformed` with the node and the value
 */
export function checkGraph(path: string, { graph }: Model): void {
  const refuse = (reason: string) => new QuantizeError('model-malformed', { path, reason });
  const count = countNodes(graph);
  if (count > MAX_NODES) throw refuse(`it has ${count} nodes, where ${MAX_NODES} are the limit`);
  checkPart(graph, new Set(), refuse);
  checkLayers(graph, new Map(), refuse);
}

type Refuse = (reason: string) => QuantizeError;

const countNodes = (graph: Graph): number =>
  graph.nodes.reduce(
    (sum, node) => subgraphsOf(node).reduce((inner, subgraph) => inner + countNodes(subgraph), sum + 1),
    0,
  );

/** What a message calls a node. */
const nameOf = (node: Node): string => `${node.opType} "${node.name ?? node.id}"`;

/** @param outside - the values of the graphs around this one */
function checkPart(graph: Graph, outside: ReadonlySet<string>, refuse: Refuse): void {
  if (graph.outputs.length === 0) throw refuse('it has no output');
  const known = new Set([...outside, ...graph.initializers.keys()]);
  const inputs = new Set<string>();
  for (const { name } of graph.inputs) {
    if (inputs.has(name)) throw refuse(`two inputs are named "${name}"`);
    inputs.add(name);
    known.add(name);
  }
  const makers = makersOf(graph, inputs, refuse);
  for (const name of makers.keys()) known.add(name);
  for (const node of graph.nodes) {
    for (const value of node.inputs)
      if (value && !known.has(value)) throw refuse(`${nameOf(node)} reads "${value}", which nothing makes`);
    checkAttributes(node, refuse);
    for (const subgraph of subgraphsOf(node)) checkPart(subgraph, known, refuse);
  }
  for (const { name } of graph.outputs)
    if (!known.has(name)) throw refuse(`the output "${name}" is made by nothing`);
  order(graph, makers, refuse);
}

function makersOf(graph: Graph, inputs: ReadonlySet<string>, refuse: Refuse): Map<string, Node> {
  const makers = new Map<string, Node>();
  for (const node of graph.nodes) {
    if (node.opType === '') throw refuse(`the node "${node.name ?? node.id}" has no operator`);
    if (node.outputs.every((name) => name === '')) throw refuse(`${nameOf(node)} has no output`);
    for (const name of node.outputs) {
      if (!name) continue;
      if (makers.has(name)) throw refuse(`two nodes make "${name}"`);
      if (inputs.has(name) || graph.initializers.has(name))
        throw refuse(`${nameOf(node)} makes "${name}", which is there already`);
      makers.set(name, node);
    }
  }
  return makers;
}

/** Put the nodes in an order in which every value is made before it is read; one that is right already stays. */
function order(graph: Graph, makers: ReadonlyMap<string, Node>, refuse: Refuse): void {
  const places = new Map(graph.nodes.map((node, place) => [node, place]));
  const makersBefore = (node: Node): Node[] => {
    return readsOf(node).flatMap((value) => makers.get(value) ?? []);
  };
  const before = graph.nodes.map(makersBefore);
  const isSorted = before.every((all, place) => all.every((node) => (places.get(node) as number) < place));
  if (isSorted) return;

  const sorted: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  for (const first of graph.nodes) {
    // By a list and not by calls: a chain is as long as the graph.
    const way = [first];
    for (let node = way.at(-1); node; node = way.at(-1)) {
      state.set(node, state.get(node) ?? 'open');
      const next = before[places.get(node) as number]?.find((each) => state.get(each) !== 'done');
      if (next && state.get(next) === 'open')
        throw refuse(`${nameOf(next)} needs its own result: the nodes run in a circle`);
      if (next) {
        way.push(next);
        continue;
      }
      if (state.get(node) === 'open') sorted.push(node);
      state.set(node, 'done');
      way.pop();
    }
  }
  graph.nodes = sorted;
}

/** Attributes that say "to the end" by the largest integer. */
const UNBOUNDED: readonly string[] = ['starts', 'ends'];

function checkAttributes(node: Node, refuse: Refuse): void {
  // What an operator of somebody else's means by its numbers is not known.
  if (node.domain !== '') return;
  for (const [name, found] of node.attributes) {
    if (found.kind !== 'int' && found.kind !== 'ints') continue;
    const values = found.kind === 'int' ? [found.value] : found.value;
    const most = /^ax[ei]s$/.test(name) ? MAX_RANK : Number.MAX_SAFE_INTEGER;
    const beyond = values.find((value) => value > most || value < -most);
    if (beyond === undefined || (isOp(node, 'Slice') && UNBOUNDED.includes(name))) continue;
    throw refuse(`${nameOf(node)} has the attribute ${name} = ${beyond}, which no such operator takes`);
  }
}

/** @param outside - the constants of the graphs around this one */
function checkLayers(graph: Graph, outside: ReadonlyMap<string, Tensor>, refuse: Refuse): void {
  const constants = outside.size === 0 ? graph.initializers : new Map([...outside, ...graph.initializers]);
  for (const node of graph.nodes) {
    const reason = problemOf(node, (index) => constants.get(inputAt(node, index) ?? ''));
    if (reason) throw refuse(`${nameOf(node)} ${reason}`);
    for (const subgraph of subgraphsOf(node)) checkLayers(subgraph, constants, refuse);
  }
}

type Constant = (index: number) => Tensor | undefined;

/** How many inputs an operator cannot do without. */
const leastInputs: Readonly<Record<string, number>> = {
  Add: 2,
  BatchNormalization: 5,
  Clip: 1,
  Concat: 1,
  Conv: 2,
  ConvTranspose: 2,
  Div: 2,
  Gather: 2,
  Gemm: 2,
  MatMul: 2,
  Mul: 2,
  Reshape: 1,
  Sub: 2,
};

function problemOf(node: Node, constant: Constant): string | undefined {
  if (!isOp(node, node.opType)) return undefined;
  const least = Object.hasOwn(leastInputs, node.opType) ? (leastInputs[node.opType] as number) : 0;
  for (let i = 0; i < least; i++) if (!inputAt(node, i)) return `lacks its input ${i}`;
  switch (node.opType) {
    case 'Conv':
      return problemOfWindow(node, constant(1)) ?? problemOfConv(node, constant(1), constant(2));
    case 'ConvTranspose':
    case 'MaxPool':
    case 'AveragePool':
      return problemOfWindow(node, node.opType === 'ConvTranspose' ? constant(1) : undefined);
    case 'Gemm':
      return problemOfRank(constant(0), 2) ?? problemOfRank(constant(1), 2);
    case 'BatchNormalization':
      return problemOfBatchNorm([1, 2, 3, 4].map(constant));
    case 'Transpose':
      return problemOfPermutation(intsAttribute(node, 'perm'));
    case 'Reshape':
      return problemOfIntegers(constant(1));
    case 'Pad':
      return problemOfIntegers(constant(1)) ?? problemOfIntegers(constant(3));
    default:
      return undefined;
  }
}

const shown = ({ dims }: Tensor): string => `[${dims.join(', ')}]`;

function problemOfRank(tensor: Tensor | undefined, rank: number): string | undefined {
  return tensor && tensor.dims.length !== rank
    ? `has a constant of shape ${shown(tensor)}, not of rank ${rank}`
    : undefined;
}

/** Strides, dilations and kernels are at least 1, and all lists have an entry for each axis. */
function problemOfWindow(node: Node, weight: Tensor | undefined): string | undefined {
  if (weight && weight.dims.length < 3) return `has weights of shape ${shown(weight)}, which is no kernel`;
  const axes = weight && weight.dims.length - 2;
  for (const name of ['kernel_shape', 'strides', 'dilations', 'pads']) {
    const values = intsAttribute(node, name);
    if (!values) continue;
    const isPads = name === 'pads';
    const needed = axes === undefined ? values.length : axes * (isPads ? 2 : 1);
    const isOdd = isPads && values.length % 2 !== 0;
    const least = isPads ? Number.NEGATIVE_INFINITY : 1;
    if (values.length !== needed || isOdd || values.some((value) => value < least))
      return `has ${name} [${values.join(', ')}], which fit no kernel of its weights`;
  }
  return undefined;
}

function problemOfConv(node: Node, weight: Tensor | undefined, bias: Tensor | undefined): string | undefined {
  if (!weight) return undefined;
  const [filters = 0] = weight.dims;
  const stated = node.attributes.get('group');
  const group = stated?.kind === 'int' ? Number(stated.value) : 1;
  if (group < 1 || filters % group !== 0) return `has ${group} groups for ${filters} filters`;
  if (bias && (bias.dims.length !== 1 || bias.dims[0] !== filters))
    return `has a bias of shape ${shown(bias)} for ${filters} filters`;
  return undefined;
}

function problemOfBatchNorm(parameters: readonly (Tensor | undefined)[]): string | undefined {
  const present = parameters.filter((tensor) => tensor !== undefined);
  const odd = present.find((tensor) => !isFloatTensor(tensor));
  if (odd) return `has parameters of ${odd.dataType}, which are no floats`;
  const [first] = present;
  const other = present.find(({ dims }) => dims.length !== 1 || dims[0] !== first?.dims[0]);
  return (
    other && `has parameters of shapes ${present.map(shown).join(' ')}, where each has one value a channel`
  );
}

function problemOfPermutation(perm: readonly number[] | undefined): string | undefined {
  const isOne = perm?.toSorted((a, b) => a - b).every((axis, i) => axis === i) ?? true;
  return isOne ? undefined : `has perm [${perm}], which is no order of axes`;
}

function problemOfIntegers(tensor: Tensor | undefined): string | undefined {
  if (!tensor) return undefined;
  if (tensor.dataType !== 'int64' || tensor.dims.length > 1)
    return `has a ${tensor.dataType} constant of shape ${shown(tensor)} where it takes a list of int64`;
  try {
    integersOf(tensor);
    return undefined;
  } catch {
    return 'has a constant beyond ±2^53';
  }
}
