import { type FlatGraph, flatOf } from '../graph/flat.js';
import { type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, inputAt, intAttribute, isOp, type Node } from '../graph/model.js';
import { floatsOf, type Tensor } from '../graph/tensor.js';
import type { Uses } from '../graph/uses.js';
import { type StorableWeights, storableOf, type WeightInput } from '../graph/weight-inputs.js';
import { isAllFinite } from '../numerics/finite.js';
import {
  asksActivations,
  asksAnything,
  asksIntegers,
  blockBitsOf,
  type LayerRecipe,
  matches,
  operatorKeptBy,
  type Recipe,
  recipeFor,
  WIDE_BITS,
} from '../recipe.js';
import { whyNoBlocks } from './blocks.js';
import { FusedChains } from './chains.js';
import { EXPECTATION, expectationsOf } from './expectations.js';
import { ruleOf } from './operators.js';
import type { Position, Role, Runs, WeightedNode, WeightSite } from './placement.js';
import { positionsOf } from './positions.js';
import { soundLayers, TRANSFORM, toneLayers } from './sound.js';
import { formOf } from './targets/targets.js';
import { hasConstant, whyFloat, whyNoKernel, whyNoLayer, whyNotPlain } from './why-float.js';

/** The layers of a graph, and what the recipe says of the other nodes. */
export interface PlacedLayers {
  readonly weighted: readonly WeightedNode[];
  /** MatMuls of two activations that run on integers. */
  readonly products: ReadonlySet<Node>;
  readonly chains: FusedChains;
  /** By node id: of layers, of the Adds of their biases, of products, and of what is excluded. */
  readonly roles: ReadonlyMap<string, Role>;
}

/** Why a layer computes in float for which 16 bits were asked. */
export const NO_WIDE_KERNELS = `has no kernels for activations of ${WIDE_BITS} bits`;

type Unfinished = Omit<WeightedNode, 'result'>;

/** A graph as one with its bodies, and why values of some nodes there cannot be observed, by node id. */
export interface ObservedGraph extends FlatGraph {
  readonly hidden: ReadonlyMap<string, string>;
}

const candidatesOf = (graph: Graph): Node[] =>
  graph.nodes.filter((node) => ruleOf(node)?.role === 'layer' || storableOf(node, graph) !== undefined);

/** Nodes that a pattern can name: those with a weight, quantized or not, in the bodies of others, too. */
export function layerNodes(graph: Graph): Node[] {
  return candidatesOf(flatOf(graph).graph);
}

/** Decide which layers are quantized, and how each runs. */
export function placeLayers(flat: ObservedGraph, recipe: Recipe): PlacedLayers {
  const { graph, uses, holders, hidden } = flat;
  const candidates = candidatesOf(graph);
  const known = new Set(candidates);
  const sound = soundLayers(graph);
  const expectations = expectationsOf(graph, uses);
  const tones = toneLayers(graph);
  const positions = positionsOf(graph, expectations);
  const products = new Set<Node>();
  const placed: (Unfinished | [Node, Role])[] = [];
  for (const node of candidates) {
    const owner = holders.get(node.id)?.[0];
    const position: Position = positions.get(node) ?? 'inner';
    const own = recipeFor(recipe, { id: node.id, name: node.name, position }, position !== 'inner');
    const storable = storableOf(node, graph);
    if (!hidden.has(node.id) && !storable && !own.keptBy && isProduct(graph, recipe, node)) {
      const reason = operatorKeptBy(recipe, node, false);
      if (reason === undefined) products.add(node);
      placed.push([node, reason === undefined ? { kind: 'arithmetic' } : { kind: 'float', reason }]);
      continue;
    }
    const linear = linearLayerOf(graph, node);
    const sites = storable ? storedSites(graph, node, storable) : linear ? [siteOf(linear)] : [];
    const reason =
      own.keptBy ??
      (expectations.has(node) && !asksIntegers(recipe, node) ? EXPECTATION : undefined) ??
      (tones.has(node) && !asksAnything(recipe, node) ? TRANSFORM : undefined) ??
      reasonFor(graph, node, linear, storable, sites);
    if (reason !== undefined) {
      placed.push([node, { kind: 'float', reason }]);
      continue;
    }
    const runs: Runs = storable
      ? { kind: 'float', stored: storable.form, linear: owner ? undefined : linear }
      : runsOf({ ...flat, owner, sound: sound.get(node) }, recipe, linear, own);
    const bias = biasOf(graph, runs);
    placed.push({ node, sites: sites as [WeightSite], recipe: own, position, runs, bias, owner });
  }
  const unfinished = placed.filter((each): each is Unfinished => !Array.isArray(each));
  const integers = unfinished.filter(({ runs }) => runs.kind === 'integer');
  const biasAdds = integers.flatMap(({ runs }) => (runs.kind === 'integer' ? (runs.biasAdd ?? []) : []));
  const layers = new Set(integers.map(({ node }) => node));
  const chains = new FusedChains(graph, uses, layers, new Set(biasAdds));

  const roles = new Map<string, Role>();
  const isListed = namesOperators(graph, recipe);
  for (const node of graph.nodes) {
    const reason =
      known.has(node) || !ruleOf(node)
        ? undefined
        : operatorKeptBy(recipe, node, isListed && ruleOf(node)?.role === 'arithmetic');
    if (reason !== undefined) roles.set(node.id, { kind: 'float', reason });
  }
  const weighted: WeightedNode[] = [];
  for (const each of placed) {
    if (Array.isArray(each)) {
      roles.set(each[0].id, each[1]);
      continue;
    }
    const { node, runs } = each;
    const ownResult = node.outputs.find((output) => output) ?? node.id;
    const result = runs.kind === 'integer' ? chains.resultOf(node) : ownResult;
    const whole: WeightedNode = { ...each, result };
    weighted.push(whole);
    roles.set(node.id, { kind: 'weighted', weighted: whole });
    if (runs.kind === 'integer' && runs.biasAdd)
      roles.set(runs.biasAdd.id, { kind: 'bias', weighted: whole });
  }
  return { weighted, products, chains, roles };
}

/** Whether `include` names operators that compute without a weight: it is then the list of those, too. */
const namesOperators = ({ nodes }: Graph, { include }: Recipe): boolean =>
  nodes.some(
    (node) => ruleOf(node)?.role === 'arithmetic' && include.some((pattern) => matches(pattern, node)),
  );

/** Why a layer that the recipe does not keep stays float; undefined where its weights are quantized. */
function reasonFor(
  graph: Graph,
  node: Node,
  linear: LinearLayer | undefined,
  storable: StorableWeights | undefined,
  sites: readonly WeightSite[],
): string | undefined {
  if (storable) return sites.length > 0 ? undefined : 'its weight holds values that are not finite';
  return linear ? whyFloat(graph, linear) : whyNoLayer(graph, node);
}

/** Whether a MatMul of two activations is to run on integers. */
function isProduct(graph: Graph, { activations }: Recipe, node: Node): boolean {
  const isOnIntegers = activations.kind === 'static' && activations.matMul;
  return isOnIntegers && isOp(node, 'MatMul') && !hasConstant(graph, node);
}

/**
 * How a quantized layer runs, by the recipe; MatMulInteger has no transposed input. Where no range can be observed, fixed ranges
 * leave its weights alone to be stored. So they do where a layer transforms sound, unless a rule asks for more.
 */
function runsOf(
  {
    graph,
    uses,
    hidden,
    owner,
    sound,
  }: ObservedGraph & { owner: Node | undefined; sound: string | undefined },
  { activations, format, blocks, rules, target }: Recipe,
  linear: LinearLayer | undefined,
  own: LayerRecipe,
): Runs {
  if (!linear) throw new Error('a node without a linear layer has no kernel');
  const { node } = linear;
  const stored = { kind: 'float', stored: 'constant', linear: owner ? undefined : linear } as const;
  const why = whyNoKernel(graph, linear) ?? (owner && whyNotPlain(node));
  if (why !== undefined) return { ...stored, linear: undefined, why };
  if (own.actBits === 'float' || activations.kind === 'float') {
    const inBlocks =
      blockBitsOf(format) !== undefined && whyNoBlocks(linear, own, { format, blocks }) === undefined;
    return inBlocks ? { ...stored, stored: 'blocks', linear } : stored;
  }
  if (own.actBits === WIDE_BITS && formOf(target).widest < WIDE_BITS)
    return { ...stored, why: `${target} ${NO_WIDE_KERNELS}` };
  if (sound !== undefined && !asksActivations({ rules }, node)) return { ...stored, why: sound };
  if (activations.kind === 'static') {
    const unseen = hidden.get(node.id);
    if (unseen !== undefined) return { ...stored, why: unseen };
    return { kind: 'integer', linear, biasAdd: biasAddOf(graph, uses, linear) };
  }
  return isOp(node, 'Gemm') && intAttribute(node, 'transA', 0) !== 0 ? stored : { kind: 'dynamic', linear };
}

/** Name of the float bias: that of the Add that brings it, or the layer's own. */
function biasOf({ initializers }: Graph, runs: Runs): string | undefined {
  const biasAdd = runs.kind === 'integer' ? runs.biasAdd : undefined;
  return biasAdd ? biasAdd.inputs.find((name) => initializers.has(name)) : runs.linear?.bias;
}

/** MatMul → Add(one constant a column): the Add belongs to the layer, since a Q between the two breaks the fusion. */
function biasAddOf(
  { initializers }: Graph,
  uses: Uses,
  { node, outputChannels }: LinearLayer,
): Node | undefined {
  const [product] = node.outputs;
  if (!isOp(node, 'MatMul') || !product || !uses.hasOneUse(product)) return undefined;
  const add = uses.readers(product)[0]?.node;
  if (!add || !isOp(add, 'Add')) return undefined;
  const bias = add.inputs.map((name) => initializers.get(name)).find((tensor) => tensor !== undefined);
  const fits = bias?.dataType === 'float32' && bias.dims.length === 1 && bias.dims[0] === outputChannels;
  return fits ? add : undefined;
}

const siteId = (node: Node, input: number): string => `${node.id}#${input}`;

/** The weight of a linear layer. */
function siteOf({ node, weightName, weight, outputAxis }: LinearLayer): WeightSite {
  return { id: siteId(node, 1), input: 1, weightName, weight, axis: outputAxis };
}

/** The weights of a float operator that can be stored in few bits: those that are finite. */
function storedSites(graph: Graph, node: Node, { inputs }: StorableWeights): WeightSite[] {
  return inputs.flatMap(({ input, axis, dims }): WeightSite[] => {
    const weightName = inputAt(node, input) ?? '';
    const tensor = graph.initializers.get(weightName);
    if (!tensor || !isAllFinite(floatsOf(tensor))) return [];
    const site = { id: siteId(node, input), input, weightName, axis };
    return [
      dims ? { ...site, weight: reshaped(tensor, dims), shape: tensor.dims } : { ...site, weight: tensor },
    ];
  });
}

/** Weights in another shape, one object for each, by which later plans know them again. */
const shapes = new WeakMap<Tensor, Tensor>();

function reshaped(tensor: Tensor, dims: NonNullable<WeightInput['dims']>): Tensor {
  const known = shapes.get(tensor);
  if (known?.dims.join() === dims.join()) return known;
  const made = { ...tensor, dims: [...dims] };
  shapes.set(tensor, made);
  return made;
}
