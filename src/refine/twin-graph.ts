import { NameScope } from '../graph/edit.js';
import { fakeQuantizeNodes, scopeOf } from '../graph/fake-quantize.js';
import { BIAS_INPUT } from '../graph/linear-layer.js';
import { type Graph, isOp, type Model, type Node, node } from '../graph/model.js';
import { RECURRENT_INPUT, recurrenceOf } from '../graph/recurrence.js';
import { type Tensor, tensorOf } from '../graph/tensor.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import type { AffineQuantizer } from '../numerics/affine.js';
import type { NdArray } from '../numerics/nd-array.js';
import {
  isInteger,
  layerKeyOf,
  type Placement,
  type Role,
  roleOf,
  shapeAt,
  type WeightedNode,
} from '../place/placement.js';
import { biasIn, dequantizeBias } from '../quantize/bias.js';
import { layerQuantizerOf, type Plan, quantizerOf, weightAt } from '../quantize/plan.js';
import { dequantizeTensor } from '../quantize/quantized-tensor.js';
import { recurrentBias } from '../quantize/recurrent-bias.js';
import type { RefinableLayer } from './layers.js';
import { isInputPart, recurrentProducts, sumsProducts } from './recurrent-layers.js';
import { copyOf, isConvolution } from './weight-matrix.js';

/** Where a layer stands in the twin graph. */
export interface TwinLayer {
  readonly layer: RefinableLayer;
  /** Its result before the activation function: in float, quantized as computed, and as corrected. */
  readonly float: string;
  readonly computed: string;
  readonly corrected: string;
  /** What the quantized layer reads. */
  readonly input: string;
  /** Constants of the quantized side, to be replaced as they are refined. */
  readonly weight: string;
  readonly bias: string;
  readonly factor: string;
  readonly shift: string;
  /** What is added to the result before anything reads it, in float and quantized; undefined where nothing is. */
  readonly beside?: { readonly float: string; readonly quantized: string } | undefined;
}

/** A value rounded on the quantized side. */
export interface Rounding {
  /** What the plan keys its quantizer by. */
  readonly key: string;
  /** Before and after. */
  readonly value: string;
  readonly output: string;
  readonly quantizer: ActivationQuantizer;
  /** Constants, to be replaced as they are refined. */
  readonly scale: string;
  readonly zeroPoint: string;
}

/**
 * A float graph and, beside it, the same graph quantized as a plan says, in float arithmetic on quantized numbers. What
 * both sides compute alike is there once.
 */
export interface TwinGraph {
  /** In topological order. */
  readonly nodes: readonly Node[];
  readonly constants: Map<string, Tensor>;
  readonly layers: readonly TwinLayer[];
  readonly roundings: readonly Rounding[];
  /** For each node of the float graph, the nodes that its quantized twin takes, roundings of what it reads included. */
  readonly madeFor: ReadonlyMap<Node, readonly Node[]>;
  /** The twin of a value before it is rounded; undefined where both sides compute it alike. */
  readonly rawTwinOf: (value: string) => string | undefined;
  /** The float value that a value of the quantized side stands for; undefined for one that is the same on both. */
  readonly floatOf: (twin: string) => string | undefined;
  /** The name of a value's quantized twin, as a layer or an operator in integers reads it; its own where it has none. */
  readonly twinOf: (value: string) => string;
  readonly outputs: readonly { readonly float: string; readonly quantized: string }[];
  /** Names that are free, for nodes that a step adds. */
  readonly names: NameScope;
}

/** Set a constant of the quantized side; its shape stays. */
export function setConstant({ constants }: TwinGraph, name: string, values: ArrayLike<number>): void {
  const dims = constants.get(name)?.dims ?? [values.length];
  constants.set(name, tensorOf({ type: 'float32', dims, data: Float32Array.from(values) }));
}

/** Set the quantizer of a rounding; its codes keep their range. */
export function setQuantizer(
  { constants }: Pick<TwinGraph, 'constants'>,
  { scale, zeroPoint }: Rounding,
  quantizer: AffineQuantizer,
): void {
  constants.set(scale, tensorOf({ type: 'float32', dims: [], data: Float32Array.of(quantizer.scale) }));
  constants.set(zeroPoint, tensorOf({ type: 'uint8', dims: [], data: Uint8Array.of(quantizer.zeroPoint) }));
}

/**
 * Build the twin graph of a plan.
 *
 * @param model - the folded float model; left as it is
 */
export function twinGraphOf(model: Model, plan: Plan, layers: readonly RefinableLayer[]): TwinGraph {
  return new Builder(model, plan, layers).build();
}

class Builder {
  readonly #graph: Graph;
  readonly #plan: Plan;
  readonly #placement: Placement;
  readonly #layers: ReadonlyMap<Node, RefinableLayer>;
  /** Products inside recurrent operators. */
  readonly #parts: readonly RefinableLayer[];
  readonly #biasAdds: ReadonlyMap<Node, RefinableLayer>;
  readonly #names: NameScope;
  readonly #nodes: Node[] = [];
  readonly #constants: Map<string, Tensor>;
  readonly #twins = new Map<string, string>();
  readonly #quantized = new Map<string, string>();
  readonly #made: TwinLayer[] = [];
  readonly #roundings: Rounding[] = [];
  readonly #madeFor = new Map<Node, readonly Node[]>();
  readonly #floats = new Map<string, string>();
  /** What layers read whose bias another node adds. */
  readonly #pending = new Map<RefinableLayer, readonly string[]>();

  constructor(model: Model, plan: Plan, layers: readonly RefinableLayer[]) {
    this.#graph = model.graph;
    this.#plan = plan;
    this.#placement = plan.placement;
    this.#names = new NameScope(model.graph);
    this.#constants = new Map(model.graph.initializers);
    const isPart = ({ node }: RefinableLayer) => recurrenceOf(node) !== undefined;
    this.#layers = new Map(layers.filter((layer) => !isPart(layer)).map((layer) => [layer.node, layer]));
    this.#parts = layers.filter(isPart);
    this.#biasAdds = new Map(layers.flatMap((layer) => (layer.biasAdd ? [[layer.biasAdd, layer]] : [])));
  }

  build(): TwinGraph {
    for (const source of this.#graph.nodes) {
      this.#nodes.push(source);
      const from = this.#nodes.length;
      this.#pushTwin(source);
      this.#madeFor.set(source, this.#nodes.slice(from));
    }
    const outputs = this.#graph.outputs.map(({ name }) => ({ float: name, quantized: this.#asFloat(name) }));
    return {
      roundings: this.#roundings,
      madeFor: this.#madeFor,
      rawTwinOf: (value) => this.#twins.get(value),
      floatOf: (twin) => this.#floats.get(twin),
      nodes: this.#nodes,
      constants: this.#constants,
      layers: this.#made,
      twinOf: (value) => this.#asCodes(value),
      outputs,
      names: this.#names,
    };
  }

  #pushTwin(source: Node): void {
    const layer = this.#layers.get(source);
    const added = this.#biasAdds.get(source);
    const role = roleOf(this.#placement, source);
    const inputs = source.inputs.map((value, index) => this.#read(value, index, role));
    if (role?.kind === 'weighted') this.#quantizeWeights(role.weighted, inputs);
    const isSame = !layer && !added && inputs.every((value, index) => value === source.inputs[index]);
    if (isSame) return;
    this.#pushParts(source, inputs);
    const outputs = source.outputs.map((value) => value && this.#names.fresh(`${value}~`));
    if (layer?.biasAdd) this.#pending.set(layer, inputs);
    const owner = added ?? (layer?.biasAdd ? undefined : layer);
    const bias = owner && this.#biasOf(owner, source, inputs);
    if (bias && owner?.takesBias && isOp(source, 'MatMul')) {
      // It gets a bias that it did not have.
      const product = this.#names.fresh(`${source.id}~product`);
      this.#nodes.push(copyOf(source, inputs, [product]), node('Add', [product, bias], outputs));
    } else {
      this.#nodes.push(copyOf(source, inputs, outputs));
    }
    source.outputs.forEach((value, index) => {
      if (value) this.#setTwin(value, outputs[index] as string);
    });
    if (owner)
      this.#correct(owner, { bias, inputs: this.#pending.get(owner) ?? inputs }, outputs[0] as string);
  }

  /** The products inside a recurrent operator, on both sides; on the quantized one it reads biases of its own. */
  #pushParts(source: Node, inputs: string[]): void {
    const recurrence = recurrenceOf(source);
    const parts = this.#parts.filter(({ node }) => node === source);
    if (!recurrence || parts.length === 0) return;
    const given = source.outputs[0] || this.#names.fresh(`${source.id}~given`);
    if (given !== source.outputs[0]) this.#nodes.push(copyOf(source, source.inputs, [given]));
    const [fresh, keep] = [
      (wanted: string) => this.#names.fresh(wanted),
      (wanted: string, array: NdArray) => this.#keepArray(wanted, array),
    ];
    const products = recurrentProducts(
      recurrence,
      { graph: this.#graph, parts, given, inputs },
      { fresh, keep },
    );
    this.#nodes.push(...products.nodes);
    if (products.bias) setInput(inputs, RECURRENT_INPUT.bias, products.bias);
    for (const layer of parts) {
      const half = isInputPart(layer) ? 'w' : 'r';
      const { input, float, quantized, bias } = products[half];
      this.#made.push({
        ...{ layer, float, computed: quantized, corrected: quantized, input },
        ...{ weight: inputs[RECURRENT_INPUT[half]] ?? '', bias, factor: '', shift: '' },
        beside: half === 'w' || !sumsProducts(source) ? undefined : products.w,
      });
    }
  }

  #setTwin(value: string, twin: string): void {
    this.#twins.set(value, twin);
    this.#floats.set(twin, value);
  }

  /** What the twin of a node reads in place of a value. */
  #read(value: string, index: number, role: Role | undefined): string {
    if (value === '' || this.#graph.initializers.has(value)) return this.#constantOf(value);
    if (role === undefined || !isInteger(role)) return this.#asFloat(value);
    return role.kind === 'weighted' && index === 0 ? this.#forLayer(value) : this.#asCodes(value);
  }

  #quantizeWeights({ node: source, sites }: WeightedNode, inputs: string[]): void {
    const bias = recurrentBias(this.#graph, this.#plan, source, sites);
    if (bias) setInput(inputs, RECURRENT_INPUT.bias, this.#keepArray(`${source.id}~b`, bias));
    for (const site of sites) {
      const weight = weightAt(this.#plan, site);
      inputs[site.input] = this.#keep(`${site.id}~`, shapeAt(site), dequantizeTensor(weight));
    }
  }

  /** A bias of its own for the quantized side, as it is stored, zeros where there was none; where it is read. */
  #biasOf(owner: RefinableLayer, source: Node, inputs: string[]): string {
    const { outputChannels } = owner.linear;
    const stored = biasIn(this.#plan, owner.weighted);
    const data = stored ? dequantizeBias(stored) : (owner.bias ?? new Float32Array(outputChannels));
    const name = this.#keep(`${owner.id}~b`, [outputChannels], data);
    if (owner.biasAdd === source) {
      inputs[source.inputs.indexOf(owner.weighted.bias ?? '')] = name;
    } else if (owner.takesBias && !isOp(source, 'MatMul')) {
      setInput(inputs, BIAS_INPUT, name);
    }
    return name;
  }

  /** The result of a layer, times a factor and plus a shift for each channel, both of which a walk sets. */
  #correct(
    layer: RefinableLayer,
    { bias, inputs }: { bias: string | undefined; inputs: readonly string[] },
    computed: string,
  ): void {
    const { outputChannels, weight: tensor } = layer.linear;
    const dims = isConvolution(layer.node)
      ? [1, outputChannels, ...tensor.dims.slice(2).map(() => 1)]
      : [outputChannels];
    const factor = this.#keep(`${layer.id}~factor`, dims, new Float32Array(outputChannels).fill(1));
    const shift = this.#keep(`${layer.id}~shift`, dims, new Float32Array(outputChannels));
    const scaled = this.#names.fresh(`${layer.output}~scaled`);
    const corrected = this.#names.fresh(`${layer.output}~corrected`);
    this.#nodes.push(node('Mul', [computed, factor], [scaled]), node('Add', [scaled, shift], [corrected]));
    this.#setTwin(layer.output, corrected);
    this.#made.push({
      ...{ layer, computed, corrected, factor, shift },
      float: layer.output,
      input: inputs[0] ?? '',
      weight: inputs[1] ?? '',
      bias: bias ?? '',
    });
  }

  /** A constant operand of integer arithmetic is rounded, too. */
  #constantOf(name: string): string {
    const constant = this.#plan.constants.get(name);
    if (!constant) return name;
    const found = this.#quantized.get(name);
    if (found) return found;
    const { codes, dims, quantizer } = constant;
    const data = Float32Array.from(codes, (code) => (code - quantizer.zeroPoint) * quantizer.scale);
    const kept = this.#keep(`${name}~`, dims, data);
    this.#quantized.set(name, kept);
    return kept;
  }

  /** What a float operator reads: the twin as it is, unless it exists as codes alone. */
  #asFloat(value: string): string {
    const placed = this.#placement.values.get(value);
    return placed?.madeByInteger ? this.#asCodes(value) : (this.#twins.get(value) ?? value);
  }

  /** What arithmetic in integers reads: the twin rounded to its codes. */
  #asCodes(value: string): string {
    const quantizer = quantizerOf(this.#plan, value);
    const raw = this.#twins.get(value) ?? value;
    return quantizer ? this.#rounded(rootOf(this.#placement, value), value, raw, quantizer) : raw;
  }

  /** What a layer in integers reads: the codes of arithmetic, or narrower ones made of them. */
  #forLayer(value: string): string {
    const placed = this.#placement.values.get(value);
    const codes = this.#asCodes(value);
    const quantizer = placed?.layerBits === undefined ? undefined : layerQuantizerOf(this.#plan, value);
    if (!placed || !quantizer) return codes;
    return this.#rounded(layerKeyOf(placed), `${value}~layer`, codes, quantizer);
  }

  /** Q → DQ of a value, once. */
  #rounded(key: string, name: string, value: string, quantizer: ActivationQuantizer): string {
    const known = this.#quantized.get(name);
    if (known) return known;
    const output = this.#names.fresh(`${name}~q`);
    const fresh = (wanted: string) => this.#names.fresh(wanted);
    const add = (wanted: string, array: NdArray) => this.#keepArray(wanted, array);
    const { nodes, parameters } = fakeQuantizeNodes(value, quantizer, output, scopeOf(output, fresh, add));
    const [scale, zeroPoint] = parameters;
    this.#nodes.push(...nodes);
    this.#quantized.set(name, output);
    this.#floats.set(output, this.#floats.get(value) ?? value);
    this.#roundings.push({ key, value, output, quantizer, scale, zeroPoint });
    return output;
  }

  #keep(wanted: string, dims: readonly number[], data: Float32Array): string {
    return this.#keepArray(wanted, { type: 'float32', dims, data });
  }

  #keepArray(wanted: string, array: NdArray): string {
    const name = this.#names.fresh(wanted);
    this.#constants.set(name, tensorOf(array));
    return name;
  }
}

function setInput(inputs: string[], index: number, value: string): void {
  while (inputs.length < index) inputs.push('');
  inputs[index] = value;
}

/** The value whose quantizer a value has. */
const rootOf = ({ values }: Placement, value: string): string => values.get(value)?.root ?? value;
