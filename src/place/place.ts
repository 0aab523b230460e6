import { QuantizeError } from '../errors.js';
import { type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, inputAt, intAttribute, isOp, type Model, type Node } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import { indexUses, type Uses } from '../graph/uses.js';
import { checkPatterns, excludedBy, type LayerRecipe, MAX_BITS, type Recipe, recipeFor } from '../recipe.js';
import { whyNoBlocks } from './blocks.js';
import { ruleOf, type StorableWeights, storableOf } from './operators.js';
import type { Placement, QuantizedValue, Role, Runs, WeightedNode, WeightSite } from './placement.js';
import { positionsOf } from './positions.js';
import { elsewhere } from './unreached.js';
import { hasConstant, isAllFinite, whyFloat, whyNoLayer } from './why-float.js';

/**
 * Decide what is quantized, from the graph and the recipe alone.
 *
 * 1. Layers: every Conv, Gemm and MatMul with a constant float32 weight, unless the recipe keeps it.
 * 2. Forward, what could be integer: a layer's result, arithmetic on such results, and what only moves values.
 * 3. Backward, what is worth it: only what a layer reads in the end.
 *
 * @param path - the model's file, for messages
 * @throws QuantizeError where a pattern of the recipe names no layer, nor, to exclude it, an operator with integer kernels
 */
export function place(model: Model, recipe: Recipe, path: string): Placement {
  const { graph } = model;
  checkPatterns(recipe, layerNodes(graph), path, graph.nodes.filter(ruleOf));
  const placer = new Placer(graph, recipe);
  return placer.place();
}

/**
 * Refuse a placement without a single quantized layer.
 *
 * @throws QuantizeError `nothing-to-quantize`, with the reason of the first layer
 */
export function refuseEmpty({ graph }: Model, placement: Placement, path: string): void {
  if (placement.weighted.length > 0) return;
  const kept = graph.nodes.find((node) => ruleOf(node)?.role === 'layer');
  const role = kept && placement.roles.get(kept.id);
  const reason =
    kept && role?.kind === 'float'
      ? `of ${kept.opType} "${kept.id}", ${role.reason}`
      : `it has no Conv, Gemm or MatMul${elsewhere(graph)}`;
  throw new QuantizeError('nothing-to-quantize', { path, reason });
}

/** Nodes that a pattern can name: those with a weight, quantized or not. */
export function layerNodes(graph: Graph): Node[] {
  return graph.nodes.filter(
    (node) => ruleOf(node)?.role === 'layer' || storableOf(node, graph) !== undefined,
  );
}

class Placer {
  readonly #graph: Graph;
  readonly #recipe: Recipe;
  readonly #uses: Uses;
  readonly #roles = new Map<string, Role>();
  readonly #weighted: WeightedNode[] = [];
  /** Layers that run on integers, and the Adds of their biases. */
  readonly #integers = new Set<Node>();
  readonly #biasAdds = new Set<Node>();
  /** MatMuls of two activations that run on integers. */
  readonly #products: Node[] = [];

  constructor(graph: Graph, recipe: Recipe) {
    this.#graph = graph;
    this.#recipe = recipe;
    this.#uses = indexUses(graph);
  }

  place(): Placement {
    this.#placeShapes();
    this.#placeLayers();
    const demanded = this.#recipe.activations.kind === 'static' ? this.#placeIntegers() : new Set<string>();
    for (const node of this.#graph.nodes) {
      if (!this.#roles.has(node.id)) this.#set(node, { kind: 'float', reason: this.#reasonOf(node) });
    }
    return { roles: this.#roles, weighted: this.#weighted, values: this.#valuesOf(demanded) };
  }

  #set(node: Node, role: Role): void {
    this.#roles.set(node.id, role);
  }

  #roleOf(node: Node): Role | undefined {
    return this.#roles.get(node.id);
  }

  #placeLayers(): void {
    const positions = positionsOf(this.#graph);
    const layers = new Set(layerNodes(this.#graph));
    for (const node of this.#graph.nodes) {
      const reason = layers.has(node) || !ruleOf(node) ? undefined : excludedBy(this.#recipe, node);
      if (reason !== undefined) this.#set(node, { kind: 'float', reason });
    }
    for (const node of layerNodes(this.#graph)) {
      const position = positions.get(node) ?? 'inner';
      const recipe = recipeFor(this.#recipe, node, position !== 'inner');
      const storable = storableOf(node, this.#graph);
      const linear = linearLayerOf(this.#graph, node);
      if (!storable && !recipe.keptBy && this.#isProduct(node)) {
        this.#products.push(node);
        this.#set(node, { kind: 'arithmetic' });
        continue;
      }
      const reason = recipe.keptBy ?? this.#whyFloat(node, linear, storable);
      if (reason !== undefined) {
        this.#set(node, { kind: 'float', reason });
        continue;
      }
      const sites = storable ? this.#storedSites(node, storable) : linear ? [siteOf(linear)] : [];
      const runs = storable ? storedRuns(storable, linear) : this.#runsOf(linear, recipe);
      this.#placeWeighted({ node, sites: sites as [WeightSite], recipe, position, runs });
    }
  }

  #placeWeighted(placed: Omit<WeightedNode, 'bias' | 'result'>): void {
    const { node, runs } = placed;
    const biasAdd = runs.kind === 'integer' ? runs.biasAdd : undefined;
    if (runs.kind === 'integer') this.#integers.add(node);
    if (biasAdd) this.#biasAdds.add(biasAdd);
    const bias = biasAdd
      ? biasAdd.inputs.find((name) => this.#graph.initializers.has(name))
      : runs.linear?.bias;
    const ownResult = node.outputs.find((output) => output) ?? node.id;
    const result = runs.kind === 'integer' ? this.#resultOf(node) : ownResult;
    const weighted: WeightedNode = { ...placed, bias, result };
    this.#weighted.push(weighted);
    this.#set(node, { kind: 'weighted', weighted });
    if (biasAdd) this.#set(biasAdd, { kind: 'bias', weighted });
  }

  /** Why a layer that the recipe does not keep stays float; undefined where its weights are quantized. */
  #whyFloat(
    node: Node,
    linear: LinearLayer | undefined,
    storable: StorableWeights | undefined,
  ): string | undefined {
    if (storable)
      return this.#storedSites(node, storable).length > 0
        ? undefined
        : 'its weight holds values that are not finite';
    return linear ? whyFloat(this.#graph, linear) : whyNoLayer(this.#graph, node);
  }

  /** Whether a MatMul of two activations is to run on integers. */
  #isProduct(node: Node): boolean {
    const { activations } = this.#recipe;
    const isOnIntegers = activations.kind === 'static' && activations.matMul;
    return isOnIntegers && isOp(node, 'MatMul') && !hasConstant(this.#graph, node);
  }

  /** How a quantized layer runs, by the recipe; MatMulInteger has no transposed input. */
  #runsOf(linear: LinearLayer | undefined, recipe: LayerRecipe): Runs {
    if (!linear) throw new Error('a node without a linear layer has no kernel');
    const { node } = linear;
    const constant = { kind: 'float', stored: 'constant', linear } as const;
    if (recipe.actBits === 'float' || this.#recipe.activations.kind === 'float') {
      const inBlocks = this.#recipe.format === 'matmulnbits' && whyNoBlocks(linear, recipe) === undefined;
      return inBlocks ? { ...constant, stored: 'blocks' } : constant;
    }
    if (this.#recipe.activations.kind === 'static')
      return { kind: 'integer', linear, biasAdd: this.#biasAddOf(node, linear) };
    return isOp(node, 'Gemm') && intAttribute(node, 'transA', 0) !== 0
      ? constant
      : { kind: 'dynamic', linear };
  }

  /** The weights of a float operator that can be stored in few bits: those that are finite. */
  #storedSites(node: Node, { inputs, axis }: StorableWeights): WeightSite[] {
    return inputs.flatMap((input): WeightSite[] => {
      const name = inputAt(node, input) ?? '';
      const weight = this.#graph.initializers.get(name);
      return weight && isAllFinite(floatsOf(weight))
        ? [{ id: siteId(node, input), input, name, weight, axis }]
        : [];
    });
  }

  /** MatMul → Add(one constant a column): the Add belongs to the layer, since a Q between the two breaks the fusion. */
  #biasAddOf(node: Node, linear: LinearLayer): Node | undefined {
    const [product] = node.outputs;
    if (!isOp(node, 'MatMul') || !product || !this.#uses.hasOneUse(product)) return undefined;
    const add = this.#uses.readers(product)[0]?.node;
    if (!add || !isOp(add, 'Add')) return undefined;
    const bias = add.inputs
      .map((name) => this.#graph.initializers.get(name))
      .find((tensor) => tensor !== undefined);
    const fits =
      bias?.dataType === 'float32' && bias.dims.length === 1 && bias.dims[0] === linear.outputChannels;
    return fits ? add : undefined;
  }

  /** Roles of everything around the layers; gives the values that are wanted as codes. */
  #placeIntegers(): Set<string> {
    const eligible = this.#eligibleNodes();
    const demanded = new Set<string>();
    for (const { node, runs, result } of this.#weighted) {
      if (runs.kind !== 'integer') continue;
      demanded.add(inputAt(node, 0) ?? '');
      if (ruleOf(node)?.output === 'codes') demanded.add(result);
    }
    // Their results are wanted as codes by whoever wants them: alone they are float, and what follows stays float.
    for (const node of this.#products) for (const input of node.inputs) demanded.add(input);
    for (const node of [...this.#graph.nodes].reverse()) {
      const rule = ruleOf(node);
      if (this.#roles.has(node.id) || !rule || !eligible.has(node)) continue;
      if (rule.role === 'arithmetic' && demanded.has(this.#resultOf(node))) {
        this.#set(node, { kind: 'arithmetic' });
        for (const input of this.#activationsOf(node)) demanded.add(input);
      } else if (node.outputs.some((output) => demanded.has(output))) {
        const fused = rule.role === 'clamp' && this.#fusesInto(node);
        this.#set(
          node,
          rule.role === 'clamp' ? { kind: 'clamp', form: fused ? 'fused' : 'codes' } : { kind: 'codes' },
        );
        if (!fused) demanded.add(inputAt(node, 0) ?? '');
      }
    }
    return demanded;
  }

  /** Operators that compute shapes: Shape and Size, and what reads only their results and integer constants. */
  #placeShapes(): void {
    const { nodes, initializers } = this.#graph;
    const shapes = new Set(
      [...initializers].filter(([, tensor]) => tensor.dataType.startsWith('int')).map(([name]) => name),
    );
    for (const node of nodes) {
      const computes = node.inputs.length > 0 && node.inputs.every((value) => !value || shapes.has(value));
      if (ruleOf(node)?.role !== 'shape' && !computes) continue;
      this.#set(node, { kind: 'shape' });
      for (const output of node.outputs) shapes.add(output);
    }
  }

  /** Nodes that could run on integers, were their result wanted. */
  #eligibleNodes(): Set<Node> {
    const eligible = new Set<Node>();
    // Values that integer arithmetic makes, as against those that are only quantized for a reader.
    const integer = new Set<string>();
    for (const node of this.#graph.nodes) {
      const role = this.#roleOf(node);
      if (this.#integers.has(node) || this.#biasAdds.has(node)) {
        for (const output of node.outputs) integer.add(output);
        continue;
      }
      const rule = ruleOf(node);
      if (role || !rule || rule.exception?.(node, this.#graph)) continue;
      const activations = this.#activationsOf(node);
      if (activations.length === 0) continue;
      const made = activations.some((value) => integer.has(value));
      const able =
        rule.role === 'codes' ||
        (rule.role === 'clamp' && made) ||
        (rule.role === 'arithmetic' &&
          made &&
          activations.every((value) => integer.has(value) || this.#isLayerInput(value)));
      if (!able) continue;
      eligible.add(node);
      if (made) for (const output of node.outputs) integer.add(output);
    }
    return eligible;
  }

  /** The inputs that a node computes with: not shapes and indices, not constants that it may take as they are. */
  #activationsOf(node: Node): string[] {
    const rule = ruleOf(node);
    const inputs = rule?.role === 'arithmetic' ? node.inputs : node.inputs.slice(0, 1);
    return inputs.filter((value) => value && !(rule?.constants && this.#graph.initializers.has(value)));
  }

  #isLayerInput(value: string): boolean {
    return this.#uses
      .readers(value)
      .some((use) => (use.index === 0 && this.#integers.has(use.node)) || this.#products.includes(use.node));
  }

  /** The value at the end of a layer's or an arithmetic operator's fused chain: after its bias and its clamp. */
  #resultOf(node: Node): string {
    const [output = ''] = node.outputs;
    if (!this.#uses.hasOneUse(output)) return output;
    const reader = this.#uses.readers(output)[0]?.node;
    if (!reader) return output;
    return this.#biasAdds.has(reader) || (ruleOf(reader)?.role === 'clamp' && this.#fusesInto(reader))
      ? this.#resultOf(reader)
      : output;
  }

  /** Whether a clamp can vanish into the Q after the operator before it: that operator is integer and read by it alone. */
  #fusesInto(clamp: Node): boolean {
    const value = inputAt(clamp, 0) ?? '';
    const producer = this.#uses.producer(value);
    if (!producer || !this.#uses.hasOneUse(value) || ruleOf(clamp)?.exception?.(clamp, this.#graph))
      return false;
    const rule = ruleOf(producer);
    const isLayer = this.#integers.has(producer) || this.#biasAdds.has(producer);
    return isLayer || (rule?.role === 'arithmetic' && !rule.clamps);
  }

  #valuesOf(demanded: ReadonlySet<string>): Map<string, QuantizedValue> {
    const values = new Map<string, QuantizedValue>();
    const roots = new Map<string, string>();
    const order = [
      ...this.#graph.inputs.map((input) => input.name),
      ...this.#graph.nodes.flatMap((node) => node.outputs),
    ];
    for (const name of order) {
      const node = this.#uses.producer(name);
      const role = node && this.#roleOf(node);
      const moves = role?.kind === 'codes' || (role?.kind === 'clamp' && role.form === 'codes');
      if (!moves && !demanded.has(name)) continue;
      const source = moves && node ? (inputAt(node, 0) ?? '') : name;
      roots.set(name, roots.get(source) ?? source);
    }
    const bits = this.#bitsByRoot(roots);
    const wide = this.#rootsReadByOthers(roots);
    for (const [name, root] of roots) {
      const node = this.#uses.producer(name);
      const role = node && this.#roleOf(node);
      const madeByInteger = role !== undefined && isInteger(role);
      const own = bits.get(root) ?? MAX_BITS;
      const isWide = own < MAX_BITS && wide.has(root);
      const widths = isWide ? { bits: MAX_BITS, layerBits: own } : { bits: own, layerBits: undefined };
      values.set(name, { name, root, ...widths, madeByInteger });
    }
    return values;
  }

  /** `actBits` is for what layers read; what only passes through additions and pools keeps 8 bits. */
  #bitsByRoot(roots: ReadonlyMap<string, string>): Map<string, number> {
    const bits = new Map<string, number>();
    for (const { node, recipe, runs } of this.#weighted) {
      const root = roots.get(inputAt(node, 0) ?? '');
      const { actBits } = recipe;
      if (runs.kind !== 'integer' || root === undefined || actBits === 'float') continue;
      // Readers that disagree get the wider codes.
      bits.set(root, Math.max(bits.get(root) ?? 0, actBits));
    }
    return bits;
  }

  /** Roots that something else than a layer reads as codes, as they are or moved: arithmetic, and whoever gets a DQ. */
  #rootsReadByOthers(roots: ReadonlyMap<string, string>): Set<string> {
    const read = new Set<string>();
    for (const [name, root] of roots) {
      const producer = this.#uses.producer(name);
      const made = producer && this.#roleOf(producer);
      const isInside = made !== undefined && isInteger(made);
      const isRead = this.#uses.readers(name).some(({ node }) => {
        const role = this.#roleOf(node);
        return role?.kind === 'arithmetic' || (isInside && (role?.kind === 'float' || isFloatNode(role)));
      });
      const isKnown = isInside && (this.#uses.isOutput(name) || this.#uses.isCaptured(name));
      if (isRead || isKnown) read.add(root);
    }
    return read;
  }

  #reasonOf(node: Node): string {
    const rule = ruleOf(node);
    if (!rule) return 'onnxruntime has no integer kernel for it';
    const exception = rule.exception?.(node, this.#graph);
    if (exception) return exception;
    const { kind } = this.#recipe.activations;
    if (kind === 'float') return 'activations stay in float';
    if (kind === 'dynamic') return 'activations between the layers stay in float';
    const wanted = node.outputs.some((output) => this.#isLayerInput(output));
    return wanted ? 'its inputs are not all integer' : 'no layer reads its result as integers';
  }
}

/** Whether the results of a role exist as codes. */
function isInteger(role: Role): boolean {
  if (role.kind === 'weighted') return role.weighted.runs.kind === 'integer';
  return role.kind !== 'shape' && role.kind !== 'float';
}

const isFloatNode = (role: Role | undefined): boolean =>
  role?.kind === 'weighted' && role.weighted.runs.kind !== 'integer';

const siteId = (node: Node, input: number): string => `${node.id}#${input}`;

/** The weight of a linear layer. */
function siteOf({ node, weight: name, tensor, outputAxis }: LinearLayer): WeightSite {
  return { id: siteId(node, 1), input: 1, name, weight: tensor, axis: outputAxis };
}

const storedRuns = ({ form }: StorableWeights, linear: LinearLayer | undefined): Runs => ({
  kind: 'float',
  stored: form,
  linear,
});
