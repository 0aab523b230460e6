import { QuantizeError } from '../errors.js';
import { type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, inputAt, intAttribute, isOp, type Model, type Node } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import { indexUses, type Uses } from '../graph/uses.js';
import { checkPatterns, type LayerRecipe, MAX_BITS, type Recipe, recipeFor } from '../recipe.js';
import { whyNoBlocks } from './blocks.js';
import { ruleOf, type StorableWeights, storableOf } from './operators.js';
import {
  type Placement,
  type Position,
  type QuantizedLayer,
  type QuantizedValue,
  type Role,
  type StoredWeight,
  storedWeights,
} from './placement.js';

/**
 * Decide what is quantized, from the graph and the recipe alone.
 *
 * 1. Layers: every Conv, Gemm and MatMul with a constant float32 weight, unless the recipe keeps it.
 * 2. Forward, what could be integer: a layer's result, arithmetic on such results, and what only moves values.
 * 3. Backward, what is worth it: only what a layer reads in the end.
 *
 * @param path - the model's file, for messages
 * @throws QuantizeError where a pattern of the recipe names no layer
 */
export function place(model: Model, recipe: Recipe, path: string): Placement {
  const { graph } = model;
  checkPatterns(recipe, layerNodes(graph), path);
  const placer = new Placer(graph, recipe);
  return placer.place();
}

/**
 * Refuse a placement without a single quantized layer.
 *
 * @throws QuantizeError `nothing-to-quantize`, with the reason of the first layer
 */
export function refuseEmpty(placement: Placement, path: string): void {
  if (placement.layers.length > 0 || storedWeights(placement).length > 0) return;
  const kept = [...placement.roles].find(([node]) => ruleOf(node)?.role === 'layer');
  const reason =
    kept?.[1].kind === 'float'
      ? `of ${kept[0].opType} "${kept[0].id}", ${kept[1].reason}`
      : 'it has no Conv, Gemm or MatMul';
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
  readonly #roles = new Map<Node, Role>();
  readonly #layers: QuantizedLayer[] = [];
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
    const isStatic = this.#recipe.actBits !== 'float' && !this.#recipe.dynamic;
    const demanded = isStatic ? this.#placeIntegers() : new Set<string>();
    for (const node of this.#graph.nodes) {
      if (!this.#roles.has(node)) this.#roles.set(node, { kind: 'float', reason: this.#reasonOf(node) });
    }
    const results = new Map(this.#layers.map(({ linear }) => [linear.node, this.#resultOf(linear.node)]));
    return { roles: this.#roles, layers: this.#layers, results, values: this.#valuesOf(demanded) };
  }

  #placeLayers(): void {
    const positions = positionsOf(this.#graph);
    for (const node of layerNodes(this.#graph)) {
      const position = positions.get(node) ?? 'inner';
      const storable = storableOf(node, this.#graph);
      if (storable) {
        this.#roles.set(node, this.#roleOfStoring(node, storable, position));
        continue;
      }
      const linear = linearLayerOf(this.#graph, node);
      const recipe = recipeFor(this.#recipe, node, position !== 'inner');
      if (!recipe.keptBy && this.#isProduct(node)) {
        this.#products.push(node);
        this.#roles.set(node, { kind: 'arithmetic' });
        continue;
      }
      const reason = linear ? (recipe.keptBy ?? whyNot(this.#graph, linear)) : notConstant(this.#graph, node);
      if (reason || !linear) {
        this.#roles.set(node, { kind: 'float', reason: reason ?? 'its weight is not constant' });
        continue;
      }
      const kind = this.#kindOf(linear, recipe);
      const biasAdd = kind === 'layer' ? this.#biasAddOf(node, linear) : undefined;
      const bias = biasAdd ? biasAdd.inputs.find((name) => this.#graph.initializers.has(name)) : linear.bias;
      const layer: QuantizedLayer = { linear, recipe, position, biasAdd, bias };
      this.#layers.push(layer);
      this.#roles.set(node, { kind, layer });
      if (biasAdd) this.#roles.set(biasAdd, { kind: 'bias', layer });
    }
  }

  /** Whether a MatMul of two activations is to run on integers. */
  #isProduct(node: Node): boolean {
    const { matMulActivations, actBits, dynamic } = this.#recipe;
    const isStatic = actBits !== 'float' && !dynamic;
    return matMulActivations && isStatic && isOp(node, 'MatMul') && !hasConstant(this.#graph, node);
  }

  /** How a quantized layer runs, by the recipe; MatMulInteger has no transposed input. */
  #kindOf(linear: LinearLayer, recipe: LayerRecipe): 'layer' | 'stored' | 'blocks' | 'dynamic' {
    const { node } = linear;
    if (this.#recipe.actBits === 'float') {
      const inBlocks = this.#recipe.format === 'matmulnbits' && whyNoBlocks(linear, recipe) === undefined;
      return inBlocks ? 'blocks' : 'stored';
    }
    if (!this.#recipe.dynamic) return 'layer';
    return isOp(node, 'Gemm') && intAttribute(node, 'transA', 0) !== 0 ? 'stored' : 'dynamic';
  }

  /** A float operator with weights that are stored in few bits, unless the recipe keeps them. */
  #roleOfStoring(node: Node, { inputs, axis, form }: StorableWeights, position: Position): Role {
    const recipe = recipeFor(this.#recipe, node, position !== 'inner');
    if (recipe.keptBy) return { kind: 'float', reason: recipe.keptBy };
    const weights = inputs.flatMap((input): StoredWeight[] => {
      const name = inputAt(node, input) ?? '';
      const tensor = this.#graph.initializers.get(name);
      return tensor && floatsOf(tensor).every(Number.isFinite) ? [{ name, tensor, axis, form, recipe }] : [];
    });
    if (weights.length === 0) return { kind: 'float', reason: 'its weight holds values that are not finite' };
    return { kind: 'storing', position, weights };
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
    for (const { linear } of this.#layers) {
      demanded.add(inputAt(linear.node, 0) ?? '');
      if (ruleOf(linear.node)?.output === 'codes') demanded.add(this.#resultOf(linear.node));
    }
    // Their results are wanted as codes by whoever wants them: alone they are float, and what follows stays float.
    for (const node of this.#products) for (const input of node.inputs) demanded.add(input);
    for (const node of [...this.#graph.nodes].reverse()) {
      const rule = ruleOf(node);
      if (this.#roles.has(node) || !rule || !eligible.has(node)) continue;
      if (rule.role === 'arithmetic' && demanded.has(this.#resultOf(node))) {
        this.#roles.set(node, { kind: 'arithmetic' });
        for (const input of this.#activationsOf(node)) demanded.add(input);
      } else if (node.outputs.some((output) => demanded.has(output))) {
        const fused = rule.role === 'clamp' && this.#fusesInto(node);
        this.#roles.set(
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
      this.#roles.set(node, { kind: 'shape' });
      for (const output of node.outputs) shapes.add(output);
    }
  }

  /** Nodes that could run on integers, were their result wanted. */
  #eligibleNodes(): Set<Node> {
    const eligible = new Set<Node>();
    // Values that integer arithmetic makes, as against those that are only quantized for a reader.
    const integer = new Set<string>();
    for (const node of this.#graph.nodes) {
      const role = this.#roles.get(node);
      if (role?.kind === 'layer' || role?.kind === 'bias') {
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
      .some(
        (use) =>
          (use.index === 0 && this.#roles.get(use.node)?.kind === 'layer') ||
          this.#products.includes(use.node),
      );
  }

  /** The value at the end of a layer's or an arithmetic operator's fused chain: after its bias and its clamp. */
  #resultOf(node: Node): string {
    const [output = ''] = node.outputs;
    if (!this.#uses.hasOneUse(output)) return output;
    const reader = this.#uses.readers(output)[0]?.node;
    if (!reader) return output;
    const isBias = this.#roles.get(reader)?.kind === 'bias';
    return isBias || (ruleOf(reader)?.role === 'clamp' && this.#fusesInto(reader))
      ? this.#resultOf(reader)
      : output;
  }

  /** Whether a clamp can vanish into the Q after the operator before it: that operator is integer and read by it alone. */
  #fusesInto(clamp: Node): boolean {
    const value = inputAt(clamp, 0) ?? '';
    const producer = this.#uses.producer(value);
    if (!producer || !this.#uses.hasOneUse(value) || ruleOf(clamp)?.exception?.(clamp, this.#graph))
      return false;
    const kind = this.#roles.get(producer)?.kind;
    const rule = ruleOf(producer);
    return kind === 'layer' || kind === 'bias' || (rule?.role === 'arithmetic' && !rule.clamps);
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
      const role = node && this.#roles.get(node);
      const moves = role?.kind === 'codes' || (role?.kind === 'clamp' && role.form === 'codes');
      if (!moves && !demanded.has(name)) continue;
      const source = moves && node ? (inputAt(node, 0) ?? '') : name;
      roots.set(name, roots.get(source) ?? source);
    }
    const bits = this.#bitsByRoot(roots);
    for (const [name, root] of roots) {
      const node = this.#uses.producer(name);
      const kind = node && this.#roles.get(node)?.kind;
      const madeByInteger = kind !== undefined && integerRoles.has(kind);
      values.set(name, { name, root, bits: bits.get(root) ?? MAX_BITS, madeByInteger });
    }
    return values;
  }

  /** `actBits` is for what layers read; what only passes through additions and pools keeps 8 bits. */
  #bitsByRoot(roots: ReadonlyMap<string, string>): Map<string, number> {
    const bits = new Map<string, number>();
    for (const layer of this.#layers) {
      const root = roots.get(inputAt(layer.linear.node, 0) ?? '');
      const { actBits } = layer.recipe;
      if (root === undefined || actBits === 'float') continue;
      // Readers that disagree get the wider codes.
      bits.set(root, Math.max(bits.get(root) ?? 0, actBits));
    }
    return bits;
  }

  #reasonOf(node: Node): string {
    const rule = ruleOf(node);
    if (!rule) return 'onnxruntime has no integer kernel for it';
    const exception = rule.exception?.(node, this.#graph);
    if (exception) return exception;
    if (this.#recipe.actBits === 'float') return 'activations stay in float';
    if (this.#recipe.dynamic) return 'activations between the layers stay in float';
    const wanted = node.outputs.some((output) => this.#isLayerInput(output));
    return wanted ? 'its inputs are not all integer' : 'no layer reads its result as integers';
  }
}

/** Roles whose results exist as codes. */
const integerRoles: ReadonlySet<Role['kind']> = new Set(['layer', 'bias', 'arithmetic', 'codes', 'clamp']);

/** A loop: every() calls back for each of what may be 10^8 elements. */
function isAllFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** Why a layer with a constant weight stays float; undefined where it need not. */
function whyNot(graph: Graph, linear: LinearLayer): string | undefined {
  const { dataType } = linear.tensor;
  if (graph.initializers.has(inputAt(linear.node, 0) ?? '')) return 'its input is constant';
  if (dataType !== 'float32') return `its weight is ${dataType}: integer kernels write float32`;
  if (!isAllFinite(floatsOf(linear.tensor))) return 'its weight holds values that are not finite';
  const bias = linear.bias === undefined ? undefined : graph.initializers.get(linear.bias);
  if (linear.bias !== undefined && bias?.dataType !== 'float32') return 'its bias is not a float32 constant';
  if (bias && bias.dims.length === 2 && (bias.dims[0] ?? 1) > 1)
    return 'its bias is a matrix, integer kernels add a row';
  return undefined;
}

const hasConstant = (graph: Graph, node: Node) =>
  node.inputs.slice(0, 2).some((name) => graph.initializers.has(name));

function notConstant(graph: Graph, node: Node): string {
  const isConstant = hasConstant(graph, node);
  if (isOp(node, 'MatMul') && !isConstant) return 'both operands are activations';
  return isConstant
    ? 'its constant operand is not a float matrix on the right'
    : 'its weight is not constant';
}

/** Where each layer stands among the layers, along the data flow. */
function positionsOf(graph: Graph): Map<Node, Position> {
  const isLayer = (node: Node) =>
    (ruleOf(node)?.role === 'layer' && linearLayerOf(graph, node) !== undefined) ||
    storableOf(node, graph) !== undefined;
  const afterLayer = new Set<string>();
  const hasBefore = new Set<Node>();
  for (const node of graph.nodes) {
    const before = node.inputs.some((value) => afterLayer.has(value));
    if (before) hasBefore.add(node);
    if (before || isLayer(node)) for (const output of node.outputs) afterLayer.add(output);
  }
  const beforeLayer = new Set<string>();
  const positions = new Map<Node, Position>();
  for (const node of [...graph.nodes].reverse()) {
    const after = node.outputs.some((value) => beforeLayer.has(value));
    if (after || isLayer(node)) for (const input of node.inputs) beforeLayer.add(input);
    if (!isLayer(node)) continue;
    const before = hasBefore.has(node);
    positions.set(node, before ? (after ? 'inner' : 'last') : after ? 'first' : 'only');
  }
  return positions;
}
