import { dataTypeCodes } from '../graph/data-type.js';
import { BIAS_INPUT } from '../graph/linear-layer.js';
import { attribute, type Graph, inputAt, isOp, type Model, type Node, node } from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { floatsOf } from '../graph/tensor.js';
import { indexUses, type Uses } from '../graph/uses.js';
import { type ActivationQuantizer, CODES } from '../numerics/activation.js';
import { type AffineQuantizer, quantizerOfRange, quantizeValue } from '../numerics/affine.js';
import { clamp } from '../numerics/round.js';
import { hardSigmoidOf } from '../place/operators.js';
import type { StoredWeight } from '../place/placement.js';
import { integerWeight, type LayerPlan, type Plan, quantizerOf } from '../quantize/plan.js';
import type { QuantizedTensor } from '../quantize/quantized-tensor.js';
import { MAX_BITS } from '../recipe.js';
import { BlockWriter, RUNTIME_DOMAIN, RUNTIME_DOMAIN_VERSION } from './block-writer.js';
import { clampCodes } from './clamp-codes.js';
import { Constants } from './constants.js';
import { DynamicWriter } from './dynamic-writer.js';
import { guardOf } from './float-guards.js';
import { movesCodes, nameValues, type ValueNames } from './value-names.js';
import { WeightWriter } from './weight-writer.js';
import { formTarget } from './weights/forms.js';

/** Codes of the runtime's uint8: narrower ones are clipped to their width after Q. */
const UINT8_MAX = 255;

/** A written graph, and how to find in it what the float graph had. */
export interface EmittedModel {
  readonly model: Model;
  /** For each quantized value of the float graph, what a DQ of it reads: its codes, their scale and zero point. */
  readonly codes: ReadonlyMap<string, readonly string[]>;
}

/**
 * Write a plan as a QDQ graph: uint8 activations, int8 weights, int32 biases.
 *
 * Q and DQ stand where the placement says, around integer kernels only. Operators that move values run on the codes
 * themselves. Graph inputs and outputs keep their names, types and dynamic dimensions.
 *
 * @param model - the folded float model; left as it is
 */
export function emitModel(model: Model, plan: Plan): EmittedModel {
  const graph: Graph = {
    ...model.graph,
    nodes: [],
    initializers: new Map(model.graph.initializers),
    valueInfo: new Map(model.graph.valueInfo),
  };
  const emitter = new Emitter(model, plan, graph);
  const codes = emitter.emit();
  dropUnread(graph);
  const opsets = new Map(model.opsets);
  if (graph.nodes.some(({ domain }) => domain === RUNTIME_DOMAIN) && !opsets.has(RUNTIME_DOMAIN))
    opsets.set(RUNTIME_DOMAIN, RUNTIME_DOMAIN_VERSION);
  return { model: { ...model, opsets, graph, metadata: new Map(model.metadata) }, codes };
}

class Emitter {
  readonly #source: Graph;
  readonly #plan: Plan;
  readonly #graph: Graph;
  readonly #constants: Constants;
  readonly #uses: Uses;
  readonly #weights: WeightWriter;
  readonly #dynamic: DynamicWriter;
  readonly #blocks: BlockWriter;
  readonly #names: ReadonlyMap<string, ValueNames>;
  /** Scale initializers by root value: shared by all values that have the root's parameters. */
  readonly #scales = new Map<string, string>();
  readonly #dequantizedConstants = new Map<string, string>();
  readonly #dequantizedValues = new Set<string>();
  /** Values whose maker writes under another name: the operator before a fused clamp. */
  readonly #renamed = new Map<string, string>();
  readonly #made = new Map<string, string>();

  constructor(model: Model, plan: Plan, graph: Graph) {
    this.#source = model.graph;
    this.#plan = plan;
    this.#graph = graph;
    this.#constants = new Constants(graph, model.graph);
    this.#uses = indexUses(model.graph);
    this.#names = nameValues(plan.placement, this.#uses, this.#constants.names);
    const target = formTarget(model, plan.recipe.format);
    this.#weights = new WeightWriter(graph.nodes, this.#constants, target);
    this.#dynamic = new DynamicWriter(graph.nodes, this.#constants, this.#weights);
    this.#blocks = new BlockWriter(graph.nodes, this.#constants, plan.recipe.blocks);
  }

  emit(): Map<string, readonly string[]> {
    this.#fuseClamps();
    for (const input of this.#source.inputs) this.#quantize(input.name);
    for (const each of this.#source.nodes) {
      this.#emitNode(each);
      for (const output of each.outputs) {
        this.#quantize(output);
        this.#publish(output);
      }
    }
    return new Map([...this.#names].map(([name, { codes }]) => [name, [codes, ...this.#parameters(name)]]));
  }

  #namesFor(value: string): ValueNames {
    const names = this.#names.get(value);
    if (!names) throw new Error(`${value} is not quantized`);
    return names;
  }

  #activation(value: string): ActivationQuantizer {
    const quantizer = quantizerOf(this.#plan, value);
    if (!quantizer) throw new Error(`${value} has no quantizer`);
    return quantizer;
  }

  /** The grid of a value's codes, before and behind a table alike. */
  #quantizer(value: string): AffineQuantizer {
    return this.#activation(value).grid;
  }

  /** The operator before a fused clamp writes what the Q behind the clamp reads. */
  #fuseClamps(): void {
    for (const [clamp, role] of this.#plan.placement.roles) {
      if (role.kind !== 'clamp' || role.form !== 'fused') continue;
      const [output = ''] = clamp.outputs;
      this.#renamed.set(inputAt(clamp, 0) ?? '', this.#namesFor(output).raw);
    }
  }

  #emitNode(source: Node): void {
    const role = this.#plan.placement.roles.get(source);
    if (!role) throw new Error(`${source.id} has no role`);
    const pushWith = (read: (value: string) => string) =>
      this.#push(
        source,
        source.inputs.map((input) => input && read(input)),
      );
    switch (role.kind) {
      case 'layer':
        this.#emitLayer(source);
        break;
      case 'stored':
        this.#emitStored(source);
        break;
      case 'dynamic':
        this.#emitDynamic(source);
        break;
      case 'blocks':
        this.#blocks.write(this.#layerPlan(source), this.#floatOf(inputAt(source, 0) ?? ''));
        break;
      case 'storing':
        this.#emitStoring(source, role.weights);
        break;
      case 'bias':
        this.#emitBiasAdd(source, this.#layerPlan(role.layer.linear.node));
        break;
      case 'codes':
        this.#emitOnCodes(source);
        break;
      case 'clamp':
        // A fused one is in the codes that the Q behind it lets through.
        if (role.form === 'codes') this.#emitClampOnCodes(source);
        break;
      case 'arithmetic':
        if (isOp(source, 'HardSigmoid')) this.#emitHardSigmoid(source);
        else pushWith((input) => this.#operand(input));
        break;
      case 'shape':
        pushWith((input) => this.#shapeSource(input));
        break;
      case 'float':
        this.#emitFloat(source);
        break;
    }
  }

  /**
   * max(0, min(1, αx + β)) = α·max(0, min(1/α, x + β/α)): an Add, whose Q clamps and whose DQ brings the factor α.
   * Between the two the value is HardSigmoid(x)/α.
   */
  #emitHardSigmoid(source: Node): void {
    const { alpha, beta } = hardSigmoidOf(source);
    const quantizer = quantizerOfRange(0, beta / alpha, MAX_BITS);
    const offset = { codes: Uint8Array.of(quantizer.high), dims: [], quantizer };
    const [input = '', output = ''] = [source.inputs[0], source.outputs[0]];
    const operands = [this.#dequantized(input), this.#weights.operand(offset, `${output}_offset`)];
    this.#push({ ...source, opType: 'Add', attributes: new Map() }, operands);
  }

  #layerPlan(layer: Node): LayerPlan {
    const plan = this.#plan.layers.get(layer);
    if (!plan) throw new Error(`${layer.id} has no plan`);
    return plan;
  }

  /** Append a copy of a node with other inputs; its outputs get the names that they have before Q. */
  #push(source: Node, inputs: readonly string[]): void {
    const outputs = source.outputs.map(
      (output) => this.#renamed.get(output) ?? this.#names.get(output)?.raw ?? output,
    );
    // The runtime fails to run an NHWC MaxPool that names its left-out indices.
    while (outputs.at(-1) === '') outputs.pop();
    this.#graph.nodes.push({ ...source, inputs: [...inputs], outputs });
  }

  /**
   * An operator that stays float, with what keeps the runtime from making integers of it.
   *
   * @param weights - values that take the place of its constants
   */
  #emitFloat(source: Node, weights: ReadonlyMap<string, string> = new Map()): void {
    const inputs = source.inputs.map((input) => weights.get(input) ?? (input && this.#floatOf(input)));
    const guard = guardOf(source, this.#source, this.#uses, this.#plan.placement);
    if (guard?.kind === 'bias') {
      const { channels, bias } = guard;
      const tensor = this.#source.initializers.get(bias ?? '');
      inputs[guard.input] = this.#weights.exactConstant(bias ?? `${source.id}_bias`, tensor, channels);
    }
    if (guard?.kind === 'barrier') inputs[0] = this.#unfused(inputs[0]);
    this.#push(source, inputs);
  }

  /** A float operator whose weights are stored in few bits. */
  #emitStoring(source: Node, weights: readonly StoredWeight[]): void {
    const [first] = weights;
    if (first?.form === 'rows') {
      this.#emitRows(source, first.name);
      return;
    }
    const floats = new Map(weights.map(({ name }) => [name, this.#weights.float(this.#stored(name), name)]));
    this.#emitFloat(source, floats);
  }

  #stored(name: string): QuantizedTensor {
    const tensor = this.#plan.stored.get(name);
    if (!tensor) throw new Error(`${name} has no plan`);
    return tensor;
  }

  /** Rows looked up in a stored table: Gather the codes → Cast → Mul by the gathered scales. */
  #emitRows(source: Node, name: string): void {
    const table = this.#stored(name);
    const fresh = (suffix: string) => this.#constants.names.fresh(`${source.id}_${suffix}`);
    const [codes, floats] = [fresh('q'), fresh('w')];
    const { integers, scale } = this.#weights.rows(table, name);
    const indices = this.#floatOf(inputAt(source, 1) ?? '');
    this.#graph.nodes.push({ ...source, inputs: [integers, indices], outputs: [codes] });
    this.#graph.nodes.push(node('Cast', [codes], [floats], { to: attribute.int(dataTypeCodes.float32) }));
    const rowScale = table.axis === undefined ? scale : fresh('s');
    if (table.axis !== undefined) this.#graph.nodes.push(node('Gather', [scale, indices], [rowScale]));
    this.#push(node('Mul', [], source.outputs), [floats, rowScale]);
  }

  /** A float value behind a Clip without bounds: the runtime's pattern for an integer kernel does not match then. */
  #unfused(value = ''): string {
    const output = this.#constants.names.fresh(`${value}_float`);
    this.#graph.nodes.push(node('Clip', [value], [output]));
    return output;
  }

  #emitLayer(source: Node): void {
    const plan = this.#layerPlan(source);
    // Written where its bias is added.
    if (plan.layer.biasAdd && !this.#isMatrix(source)) return;
    const inputs = [...source.inputs];
    inputs[0] = this.#dequantized(inputAt(source, 0) ?? '');
    inputs[1] = this.#weights.dequantized(plan);
    if (plan.bias && !plan.layer.biasAdd) inputs[BIAS_INPUT] = this.#weights.bias(plan);
    this.#push(source, inputs);
  }

  #emitDynamic(source: Node): void {
    const plan = this.#layerPlan(source);
    const bias = this.#source.initializers.get(plan.layer.bias ?? '');
    this.#dynamic.write(plan, inputAt(source, 0) ?? '', bias);
  }

  /** The Add of a MatMul's bias. The runtime makes a Gemm of the two for matrices, and for more axes of known size. */
  #emitBiasAdd(source: Node, plan: LayerPlan): void {
    const { node: matMul } = plan.layer.linear;
    if (!this.#isMatrix(matMul)) {
      this.#emitAsGemm(source, plan);
      return;
    }
    const bias = this.#weights.bias(plan);
    this.#push(
      source,
      source.inputs.map((input) => (input === plan.layer.bias ? bias : input)),
    );
  }

  #isMatrix(matMul: Node): boolean {
    return rankOf(this.#source, this.#uses, inputAt(matMul, 0) ?? '') === 2;
  }

  /** MatMul and the Add of its bias, on an input of any rank: its rows as one matrix → Gemm → the rows' own axes again. */
  #emitAsGemm(add: Node, plan: LayerPlan): void {
    const { linear } = plan.layer;
    const input = inputAt(linear.node, 0) ?? '';
    const rows = this.#once(`${input} rows`, () => this.#rowsOf(input, linear.inputChannels));
    const operands = [rows, this.#weights.dequantized(plan), this.#weights.bias(plan)];
    const product = this.#constants.names.fresh(`${linear.node.id}_rows`);
    const shape = this.#once(`${input} to ${linear.outputChannels}`, () =>
      this.#shapeWithLast(input, linear.outputChannels),
    );
    this.#graph.nodes.push({ ...linear.node, opType: 'Gemm', inputs: operands, outputs: [product] });
    this.#push({ ...add, opType: 'Reshape' }, [product, shape]);
  }

  /** The codes of a value as a matrix of its rows → DQ. */
  #rowsOf(value: string, columns: number): string {
    const [codes, floats] = [
      this.#constants.names.fresh(`${value}_rows_q`),
      this.#constants.names.fresh(`${value}_rows`),
    ];
    const shape = this.#constants.int64List([-1, columns]);
    this.#graph.nodes.push(
      node('Reshape', [this.#namesFor(value).codes, shape], [codes]),
      node('DequantizeLinear', [codes, ...this.#parameters(value)], [floats]),
    );
    return floats;
  }

  /** The shape of a value, its last axis replaced. */
  #shapeWithLast(value: string, last: number): string {
    const fresh = (suffix: string) => this.#constants.names.fresh(`${value}_${suffix}`);
    const [whole, front, shape] = [fresh('shape'), fresh('front'), fresh(`shape_${last}`)];
    const [start, end] = [this.#constants.int64List([0]), this.#constants.int64List([-1])];
    this.#graph.nodes.push(
      node('Shape', [this.#namesFor(value).codes], [whole]),
      node('Slice', [whole, start, end], [front]),
      node('Concat', [front, this.#constants.int64List([last])], [shape], { axis: attribute.int(0) }),
    );
    return shape;
  }

  /** What several layers need of one value is written once. */
  #once(key: string, make: () => string): string {
    const name = this.#made.get(key) ?? make();
    this.#made.set(key, name);
    return name;
  }

  /** A layer of a weights-only recipe. */
  #emitStored(source: Node): void {
    const plan = this.#layerPlan(source);
    const inputs = source.inputs.map((input) => input && this.#floatOf(input));
    inputs[1] = this.#weights.float(integerWeight(plan), plan.layer.linear.weight);
    this.#push(source, inputs);
  }

  #emitOnCodes(source: Node): void {
    const [data = '', ...others] = source.inputs;
    const inputs = [this.#namesFor(data).codes, ...others.map((input) => input && this.#floatOf(input))];
    if (isOp(source, 'Pad')) {
      // The padding value as a code; without one the runtime would pad with code 0, which is not real 0.
      const value = this.#source.initializers.get(inputs[2] ?? '');
      const real = value ? (floatsOf(value)[0] ?? 0) : 0;
      inputs[2] = this.#constants.uint8(quantizeValue(real, this.#quantizer(data)));
    }
    this.#push(source, inputs);
  }

  #emitClampOnCodes(source: Node): void {
    const data = inputAt(source, 0) ?? '';
    const { low, high } = clampCodes(clampBounds(this.#source, source), this.#quantizer(data));
    const inputs = [this.#namesFor(data).codes, this.#constants.uint8(low), this.#constants.uint8(high)];
    const outputs = source.outputs.map((output) => this.#namesFor(output).codes);
    this.#graph.nodes.push({ ...source, opType: 'Clip', attributes: new Map(), inputs, outputs });
  }

  /**
   * Q behind a value that is quantized and not made of codes already; where fewer codes are reached, they are clipped,
   * or replaced by what a table says.
   */
  #quantize(value: string): void {
    const names = this.#names.get(value);
    if (!names || movesCodes(this.#plan.placement, this.#uses, value)) return;
    const { low, high } = this.#reachedCodes(value);
    const { nodes } = this.#graph;
    const quantizer = this.#activation(value);
    const hasTable = quantizer.kind === 'lut';
    const narrow = low > 0 || high < UINT8_MAX;
    const wide = narrow || hasTable ? this.#constants.names.fresh(`${value}_q8`) : names.codes;
    nodes.push(node('QuantizeLinear', [names.raw, ...this.#parametersOfRaw(value)], [wide]));
    if (hasTable) this.#replaceCodes(value, wide, quantizer.table, { low, high });
    else if (narrow) {
      const bounds = [this.#constants.uint8(low), this.#constants.uint8(high)];
      nodes.push(node('Clip', [wide, ...bounds], [names.codes]));
    }
  }

  /**
   * Q → Cast → GatherElements of a table: integer operators before and behind it keep their kernels. The table clamps,
   * too. The codes lie in one row for it: a Gather, which needs no Reshape, takes 4 to 5 times as long (measured).
   */
  #replaceCodes(value: string, wide: string, table: Uint8Array, { low, high }: ClampBounds): void {
    const data = Uint8Array.from({ length: CODES }, (_, code) => table[clamp(code, low, high)] as number);
    const levels = this.#constants.add(`${value}_table`, { type: 'uint8', dims: [1, CODES], data });
    const fresh = (suffix: string) => this.#constants.names.fresh(`${value}_${suffix}`);
    const [indices, row, found, shape] = [fresh('q32'), fresh('row'), fresh('found'), fresh('shape')];
    const to = attribute.int(dataTypeCodes.int32);
    this.#graph.nodes.push(
      node('Cast', [wide], [indices], { to }),
      node('Reshape', [indices, this.#constants.int64List([1, -1])], [row]),
      node('GatherElements', [levels, row], [found], { axis: attribute.int(1) }),
      node('Shape', [wide], [shape]),
      node('Reshape', [found, shape], [this.#namesFor(value).codes]),
    );
  }

  /**
   * The codes of a value: those of its quantizer, within the clamp that is fused into it. No clamp is left to the
   * runtime in float: one that the Q behind it does not make superfluous breaks the fusion, and onnxruntime 1.30 fails to
   * load a model in which the Q sticks out of the clamp by less than half a step.
   */
  #reachedCodes(value: string): ClampBounds {
    const quantizer = this.#quantizer(value);
    const producer = this.#uses.producer(value);
    const role = producer && this.#plan.placement.roles.get(producer);
    if (this.#hardSigmoidAt(value)) return clampCodes({ low: 0, high: 1 }, quantizer);
    if (!producer || role?.kind !== 'clamp') return quantizer;
    return clampCodes(clampBounds(this.#source, producer), quantizer);
  }

  /** Scale and zero point of a value, rank 0. */
  #parameters(value: string): [scale: string, zeroPoint: string] {
    const root = this.#plan.placement.values.get(value)?.root ?? value;
    const { scale, zeroPoint } = this.#quantizer(value);
    let name = this.#scales.get(root);
    if (!name) {
      name = this.#constants.add(`${root}_s`, { type: 'float32', dims: [], data: Float32Array.of(scale) });
      this.#scales.set(root, name);
    }
    return [name, this.#constants.uint8(zeroPoint)];
  }

  /** Scale and zero point of the Q of a value: its own, but for a HardSigmoid, whose Add makes 1/α of it. */
  #parametersOfRaw(value: string): [scale: string, zeroPoint: string] {
    const parameters = this.#parameters(value);
    const hardSigmoid = this.#hardSigmoidAt(value);
    if (!hardSigmoid) return parameters;
    const data = Float32Array.of(this.#quantizer(value).scale / hardSigmoidOf(hardSigmoid).alpha);
    return [this.#constants.add(`${value}_s`, { type: 'float32', dims: [], data }), parameters[1]];
  }

  /** The HardSigmoid that makes a value in integers; undefined where another operator does. */
  #hardSigmoidAt(value: string): Node | undefined {
    const producer = this.#uses.producer(value);
    const isInteger = producer && this.#plan.placement.roles.get(producer)?.kind === 'arithmetic';
    return isInteger && isOp(producer, 'HardSigmoid') ? producer : undefined;
  }

  /** DQ of a value that the outside or a subgraph knows by its name; here, so that it stands before the subgraph. */
  #publish(value: string): void {
    if (!this.#plan.placement.values.get(value)?.madeByInteger) return;
    if (this.#uses.isOutput(value) || this.#uses.isCaptured(value)) this.#dequantized(value);
  }

  /** The dequantized form of a quantized value, made when first asked for. */
  #dequantized(value: string): string {
    const { codes, dequantized } = this.#namesFor(value);
    if (!this.#dequantizedValues.has(value)) {
      this.#dequantizedValues.add(value);
      this.#graph.nodes.push(node('DequantizeLinear', [codes, ...this.#parameters(value)], [dequantized]));
    }
    return dequantized;
  }

  /** What a float operator reads: the float itself, unless integers made the value. */
  #floatOf(value: string): string {
    const placed = this.#plan.placement.values.get(value);
    return placed?.madeByInteger ? this.#dequantized(value) : value;
  }

  /** What reads only a shape: the codes, so that no DQ stands for it. */
  #shapeSource(value: string): string {
    const placed = this.#plan.placement.values.get(value);
    return placed?.madeByInteger ? this.#namesFor(value).codes : value;
  }

  /** An operand of integer arithmetic: an activation, or a constant in uint8. */
  #operand(value: string): string {
    const constant = this.#plan.constants.get(value);
    if (!constant) return this.#dequantized(value);
    const name = this.#dequantizedConstants.get(value) ?? this.#weights.operand(constant, value);
    this.#dequantizedConstants.set(value, name);
    return name;
  }
}

/** Constants that only the float form of a layer needed are gone with it. */
function dropUnread(graph: Graph): void {
  const uses = indexUses(graph);
  for (const name of [...graph.initializers.keys()]) {
    if (uses.isUnused(name)) graph.initializers.delete(name);
  }
}

import { type ClampBounds, clampBounds } from '../graph/clamp-bounds.js';
