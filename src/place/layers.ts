import { type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, inputAt, intAttribute, isOp, type Node } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import type { Uses } from '../graph/uses.js';
import { isAllFinite } from '../numerics/finite.js';
import { type LayerRecipe, matches, operatorKeptBy, type Recipe, recipeFor } from '../recipe.js';
import { whyNoBlocks } from './blocks.js';
import { FusedChains } from './chains.js';
import { ruleOf, type StorableWeights, storableOf } from './operators.js';
import type { Role, Runs, WeightedNode, WeightSite } from './placement.js';
import { positionsOf } from './positions.js';
import { hasConstant, whyFloat, whyNoLayer } from './why-float.js';

/** The layers of a graph, and what the recipe says of the other nodes. */
export interface PlacedLayers {
  readonly weighted: readonly WeightedNode[];
  /** MatMuls of two activations that run on integers. */
  readonly products: ReadonlySet<Node>;
  readonly chains: FusedChains;
  /** By node id: of layers, of the Adds of their biases, of products, and of what is excluded. */
  readonly roles: ReadonlyMap<string, Role>;
}

type Unfinished = Omit<WeightedNode, 'result'>;

/** Nodes that a pattern can name: those with a weight, quantized or not. */
export function layerNodes(graph: Graph): Node[] {
  return graph.nodes.filter(
    (node) => ruleOf(node)?.role === 'layer' || storableOf(node, graph) !== undefined,
  );
}

/** Decide which layers are quantized, and how each runs. */
export function placeLayers(graph: Graph, recipe: Recipe, uses: Uses): PlacedLayers {
  const positions = positionsOf(graph);
  const nodes = layerNodes(graph);
  const known = new Set(nodes);
  const products = new Set<Node>();
  const placed: (Unfinished | [Node, Role])[] = [];
  for (const node of nodes) {
    const position = positions.get(node) ?? 'inner';
    const own = recipeFor(recipe, node, position !== 'inner');
    const storable = storableOf(node, graph);
    if (!storable && !own.keptBy && isProduct(graph, recipe, node)) {
      const reason = operatorKeptBy(recipe, node, false);
      if (reason === undefined) products.add(node);
      placed.push([node, reason === undefined ? { kind: 'arithmetic' } : { kind: 'float', reason }]);
      continue;
    }
    const linear = linearLayerOf(graph, node);
    const sites = storable ? storedSites(graph, node, storable) : linear ? [siteOf(linear)] : [];
    const reason = own.keptBy ?? reasonFor(graph, node, linear, storable, sites);
    if (reason !== undefined) {
      placed.push([node, { kind: 'float', reason }]);
      continue;
    }
    const runs: Runs = storable
      ? { kind: 'float', stored: storable.form, linear }
      : runsOf(graph, uses, recipe, linear, own);
    const bias = biasOf(graph, runs);
    placed.push({ node, sites: sites as [WeightSite], recipe: own, position, runs, bias });
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

/** How a quantized layer runs, by the recipe; MatMulInteger has no transposed input. */
function runsOf(
  graph: Graph,
  uses: Uses,
  { activations, format }: Recipe,
  linear: LinearLayer | undefined,
  own: LayerRecipe,
): Runs {
  if (!linear) throw new Error('a node without a linear layer has no kernel');
  const { node } = linear;
  const constant = { kind: 'float', stored: 'constant', linear } as const;
  if (own.actBits === 'float' || activations.kind === 'float') {
    const inBlocks = format === 'matmulnbits' && whyNoBlocks(linear, own) === undefined;
    return inBlocks ? { ...constant, stored: 'blocks' } : constant;
  }
  if (activations.kind === 'static')
    return { kind: 'integer', linear, biasAdd: biasAddOf(graph, uses, linear) };
  return isOp(node, 'Gemm') && intAttribute(node, 'transA', 0) !== 0 ? constant : { kind: 'dynamic', linear };
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
function storedSites(graph: Graph, node: Node, { inputs, axis }: StorableWeights): WeightSite[] {
  return inputs.flatMap((input): WeightSite[] => {
    const weightName = inputAt(node, input) ?? '';
    const weight = graph.initializers.get(weightName);
    return weight && isAllFinite(floatsOf(weight))
      ? [{ id: siteId(node, input), input, weightName, weight, axis }]
      : [];
  });
}
