import { NameScope } from '../graph/edit.js';
import { fakeQuantizeNodes, scopeOf } from '../graph/fake-quantize.js';
import { BIAS_INPUT } from '../graph/linear-layer.js';
import { type Graph, inputAt, type Model, type Node, node, type ValueInfo } from '../graph/model.js';
import { arrayOf, tensorOf } from '../graph/tensor.js';
import { indexUses, type Uses } from '../graph/uses.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import { elementCount, type Feed, type NdArray } from '../numerics/nd-array.js';
import { type Runs, roleOf, shapeAt, type WeightedNode, type WeightSite } from '../place/placement.js';
import { biasIn, dequantizeBias } from '../quantize/bias.js';
import { layerQuantizerOf, type Plan, type QuantizedConstant, quantizerOf } from '../quantize/plan.js';
import { dequantizeTensor } from '../quantize/quantized-tensor.js';

/** A node that can be quantized alone. */
export interface Probed {
  readonly id: string;
  /** The value at the end of its fused chain. */
  readonly result: string;
  /** Multiplications for each element of the result; 0 where they are not counted. */
  readonly terms: number;
  /** The input of the probe that switches the quantizer of its result on; undefined where readers round it, or nothing does. */
  readonly resultSwitch: string | undefined;
}

/** An operator on integers that has no weight: a Concat, an Add, a pooling. */
export interface ProbeOperator extends Probed {
  /** The input of the probe that switches the quantizers of all it reads on; undefined where it reads nothing as codes. */
  readonly inputSwitch: string | undefined;
}

/** A layer whose weights, bias and input can be quantized alone. */
export interface ProbeLayer extends Probed {
  readonly weighted: WeightedNode;
  /** The weights, and the input of the probe that each is fed to. */
  readonly weights: readonly {
    readonly site: WeightSite;
    readonly feed: string;
    readonly elements: number;
  }[];
  /** The input of the probe that the bias is fed to; undefined where it stays float. */
  readonly bias: string | undefined;
  /** The input of the probe that switches the quantizer of the layer's input on; undefined where it stays float. */
  readonly inputSwitch: string | undefined;
}

/**
 * The float model with what quantization changes as inputs of its own: any layer can be quantized alone, at the cost of
 * one run and without a session of its own.
 */
export interface Probe {
  readonly model: Model;
  readonly layers: readonly ProbeLayer[];
  readonly operators: readonly ProbeOperator[];
  /** What makes it the float model. */
  readonly float: Feed;
}

/** What of a layer is quantized. */
export type Part = 'weight' | 'input' | 'both';

const OFF: NdArray = { type: 'bool', dims: [], data: Uint8Array.of(0) };
const ON: NdArray = { type: 'bool', dims: [], data: Uint8Array.of(1) };

/**
 * Build the probe of a plan.
 *
 * What a node reads is quantized for this node alone, whoever else reads the value. What rounds the result of a layer counts
 * for those that read it as codes; where an output or a float operator reads it, and for an operator without a weight always,
 * it counts for the node itself.
 *
 * @param model - the folded float model; left as it is
 */
export function buildProbe(model: Model, plan: ProbedPlan): Probe {
  const builder = new ProbeBuilder(model, plan);
  return builder.build();
}

type ProbedPlan = Pick<Plan, 'placement' | 'activations' | 'constants'>;

class ProbeBuilder {
  readonly #model: Model;
  readonly #plan: ProbedPlan;
  readonly #uses: Uses;
  readonly #graph: Graph;
  readonly #names: NameScope;
  readonly #layers: ProbeLayer[] = [];
  readonly #operators: ProbeOperator[] = [];
  /** By the value whose quantizer it switches. */
  readonly #resultSwitches = new Map<string, string>();
  readonly #float: Record<string, NdArray> = {};
  /** Biases that another node than the layer's own adds. */
  readonly #biasFeeds = new Map<Node, ReadonlyMap<string, string>>();

  constructor(model: Model, plan: ProbedPlan) {
    this.#model = model;
    this.#uses = indexUses(model.graph);
    this.#plan = plan;
    this.#graph = {
      ...model.graph,
      nodes: [],
      initializers: new Map(model.graph.initializers),
      inputs: [...model.graph.inputs],
    };
    this.#names = new NameScope(model.graph);
  }

  build(): Probe {
    for (const source of this.#model.graph.nodes) this.#copy(source);
    const uses = indexUses(this.#graph);
    for (const { weights } of this.#layers)
      for (const { site } of weights)
        if (uses.isUnused(site.weightName)) this.#graph.initializers.delete(site.weightName);
    return {
      model: { ...this.#model, graph: this.#graph },
      layers: this.#layers,
      operators: this.#operators,
      float: this.#float,
    };
  }

  #copy(source: Node): void {
    const role = roleOf(this.#plan.placement, source);
    const copy: Node = { ...source, inputs: [...source.inputs] };
    const biases = this.#biasFeeds.get(source);
    if (biases) copy.inputs = copy.inputs.map((name) => biases.get(name) ?? name);
    if (role?.kind === 'weighted') this.#probeLayer(copy, role.weighted);
    if (role?.kind === 'arithmetic') this.#probeOperator(copy, source);
    this.#graph.nodes.push(copy);
    for (const [index, output] of source.outputs.entries()) this.#roundResult(copy, index, output);
  }

  #probeOperator(copy: Node, source: Node): void {
    const result = this.#chainEnd(source.outputs[0] ?? '');
    const condition = this.#names.fresh(`${source.id}_switch`);
    let reads = false;
    for (const [index, value] of source.inputs.entries()) {
      const on = this.#names.fresh(`${source.id}_input_${index}_on`);
      const constant = this.#plan.constants.get(value);
      const quantizer = quantizerOf(this.#plan, value);
      if (!constant && !quantizer) continue;
      const nodes = constant
        ? this.#quantized(constant, on)
        : this.#quantize(value, quantizer as ActivationQuantizer, on);
      copy.inputs[index] = this.#switch(value, nodes, on, condition);
      reads = true;
    }
    if (reads) this.#addSwitch(condition);
    this.#operators.push({
      id: source.id,
      result,
      terms: 0,
      inputSwitch: reads ? condition : undefined,
      resultSwitch: this.#resultSwitch(result),
    });
  }

  /** The value behind the clamps that are fused into the operator that makes a value. */
  #chainEnd(value: string): string {
    const reader = this.#uses.onlyReader(value);
    const role = reader && roleOf(this.#plan.placement, reader);
    const isFused = role?.kind === 'clamp' && role.form === 'fused';
    return isFused ? this.#chainEnd(reader?.outputs[0] ?? '') : value;
  }

  #resultSwitch(result: string): string | undefined {
    if (!quantizerOf(this.#plan, result)) return undefined;
    const name = this.#names.fresh(`${result}_round`);
    this.#resultSwitches.set(result, name);
    return name;
  }

  /** Behind the maker of a value that a switch rounds: If (switch) Q → DQ, else the value itself. */
  #roundResult(copy: Node, index: number, output: string): void {
    const condition = this.#resultSwitches.get(output);
    const quantizer = quantizerOf(this.#plan, output);
    if (condition === undefined || !quantizer) return;
    const raw = this.#names.fresh(`${output}_raw`);
    const on = this.#names.fresh(`${output}_on`);
    copy.outputs = copy.outputs.map((name, i) => (i === index ? raw : name));
    this.#switch(raw, this.#quantize(raw, quantizer, on), on, condition, output);
    this.#addSwitch(condition);
  }

  /** Whether somebody reads a result that is no integer kernel: it is rounded for all of them. */
  #isSeen(result: string): boolean {
    if (!this.#plan.placement.values.get(result)?.madeByInteger) return false;
    const others = this.#uses.readers(result).some(({ node: reader }) => {
      const role = roleOf(this.#plan.placement, reader);
      return role?.kind === 'float' || (role?.kind === 'weighted' && role.weighted.runs.kind !== 'integer');
    });
    return others || this.#uses.isOutput(result) || this.#uses.isCaptured(result);
  }

  #probeLayer(copy: Node, weighted: WeightedNode): void {
    const { node: source, sites, runs, result } = weighted;
    const inputSwitch = this.#switchInput(copy, runs);
    const weights = sites.map((site) => this.#weight(copy, site));
    const elements = weights[0]?.elements ?? 0;
    this.#layers.push({
      id: source.id,
      weighted,
      weights,
      bias: runs.kind === 'integer' ? this.#bias(copy, weighted, runs.biasAdd) : undefined,
      inputSwitch,
      result,
      resultSwitch: this.#isSeen(result) ? this.#resultSwitch(result) : undefined,
      terms: runs.linear ? elements / runs.linear.outputChannels : 0,
    });
  }

  /** Make a constant of a node an input of the probe. */
  #weight(copy: Node, site: WeightSite) {
    const dims = shapeAt(site);
    const feed = this.#input(`${copy.id}_${site.weightName}_probe`, dims);
    copy.inputs[site.input] = feed;
    this.#float[feed] = { ...arrayOf(site.weight), dims };
    return { site, feed, elements: elementCount(dims) };
  }

  #bias(copy: Node, { bias }: WeightedNode, biasAdd: Node | undefined): string | undefined {
    const tensor = this.#model.graph.initializers.get(bias ?? '');
    if (bias === undefined || !tensor) return undefined;
    // A scalar bias has one value a channel once it is quantized: its shape is left open.
    const feed = this.#input(`${copy.id}_bias_probe`, undefined);
    this.#float[feed] = arrayOf(tensor);
    if (biasAdd) this.#biasFeeds.set(biasAdd, new Map([[bias, feed]]));
    else copy.inputs[BIAS_INPUT] = feed;
    return feed;
  }

  /** If (switch) Q → DQ of the layer's input, else the input itself. */
  #switchInput(copy: Node, runs: Runs): string | undefined {
    const value = inputAt(copy, 0) ?? '';
    const quantizer = runs.kind === 'integer' ? layerQuantizerOf(this.#plan, value) : undefined;
    if (!quantizer && runs.kind !== 'dynamic') return undefined;
    const on = this.#names.fresh(`${copy.id}_input_on`);
    const quantized = quantizer ? this.#quantize(value, quantizer, on) : this.#quantizeDynamically(value, on);
    const condition = this.#names.fresh(`${copy.id}_switch`);
    copy.inputs[0] = this.#switch(value, quantized, on, condition);
    this.#addSwitch(condition);
    return condition;
  }

  /** If (condition) what the nodes make of a value, else the value. */
  #switch(value: string, nodes: readonly Node[], on: string, condition: string, wanted?: string): string {
    const off = this.#names.fresh(`${value}_off`);
    const output = wanted ?? this.#names.fresh(`${value}_switched`);
    this.#graph.nodes.push({
      ...node('If', [condition], [output]),
      attributes: new Map([
        ['then_branch', { kind: 'graph', value: branch(nodes, on) }],
        ['else_branch', { kind: 'graph', value: branch([node('Identity', [value], [off])], off) }],
      ]),
    });
    return output;
  }

  /** A switch, an input of the probe that is off. */
  #addSwitch(condition: string): void {
    this.#graph.inputs.push({ name: condition, dataType: 'bool', shape: [] });
    this.#float[condition] = OFF;
  }

  /** A constant operand as it is stored. */
  #quantized({ codes, dims, quantizer: { scale, zeroPoint } }: QuantizedConstant, output: string): Node[] {
    const data = Float32Array.from(codes, (code) => Math.fround(scale) * (code - zeroPoint));
    const stored = this.#constant(`${output}_stored`, { type: 'float32', dims, data });
    return [node('Identity', [stored], [output])];
  }

  #quantize(value: string, quantizer: ActivationQuantizer, output: string): readonly Node[] {
    const fresh = (wanted: string) => this.#names.fresh(wanted);
    const add = (wanted: string, array: NdArray) => this.#constant(wanted, array);
    return fakeQuantizeNodes(value, quantizer, output, scopeOf(output, fresh, add)).nodes;
  }

  #quantizeDynamically(value: string, output: string): Node[] {
    const found = ['q', 'scale', 'zero_point'].map((suffix) => this.#names.fresh(`${output}_${suffix}`));
    return [node('DynamicQuantizeLinear', [value], found), node('DequantizeLinear', found, [output])];
  }

  #constant(wanted: string, array: NdArray): string {
    const name = this.#names.fresh(wanted);
    this.#graph.initializers.set(name, tensorOf(array));
    return name;
  }

  #input(wanted: string, shape: readonly number[] | undefined): string {
    const name = this.#names.fresh(wanted);
    this.#graph.inputs.push({ name, dataType: 'float32', shape });
    return name;
  }
}

function branch(nodes: readonly Node[], output: string): Graph {
  const result: ValueInfo = { name: output, dataType: 'float32', shape: undefined };
  return { nodes: [...nodes], initializers: new Map(), inputs: [], outputs: [result], valueInfo: new Map() };
}

/**
 * What quantizes one part of one layer, to be fed over the probe's own feed; undefined where there is nothing to quantize
 * in that part.
 *
 * @param plan - a plan of the same placement; its weights may be of another width or scheme
 */
export function quantizing(layer: ProbeLayer, plan: Plan, part: Part): Feed | undefined {
  const feed: Record<string, NdArray> = {};
  if (part !== 'input') {
    for (const { site, feed: input } of layer.weights) {
      const weight = plan.weights.get(site.id);
      if (weight) feed[input] = floats(dequantizeTensor(weight), shapeAt(site));
    }
    const bias = part === 'both' ? biasIn(plan, layer.weighted) : undefined;
    // Its scale is that of the input times that of the weight: it is rounded where both are.
    if (layer.bias !== undefined && bias) {
      feed[layer.bias] = floats(dequantizeBias(bias), [bias.values.length]);
    }
  }
  if (part !== 'weight' && layer.inputSwitch !== undefined) feed[layer.inputSwitch] = ON;
  if (part === 'both' && layer.resultSwitch !== undefined) feed[layer.resultSwitch] = ON;
  return Object.keys(feed).length > 0 ? feed : undefined;
}

/** Whether there is anything to quantize in that part: what `quantizing` feeds, without making it. */
export const quantizes = (layer: ProbeLayer, plan: Plan, part: Part): boolean =>
  (part !== 'input' && layer.weights.some(({ site }) => plan.weights.has(site.id))) ||
  (part !== 'weight' && layer.inputSwitch !== undefined) ||
  (part === 'both' &&
    (layer.resultSwitch !== undefined ||
      (layer.bias !== undefined && biasIn(plan, layer.weighted) !== undefined)));

/** The same for an operator without a weight. */
export function quantizingOperator(
  { inputSwitch, resultSwitch }: ProbeOperator,
  part: Exclude<Part, 'weight'>,
): Feed | undefined {
  const switches = part === 'both' ? [inputSwitch, resultSwitch] : [inputSwitch];
  const on = switches.flatMap((name) => (name === undefined ? [] : [[name, ON] as const]));
  return on.length > 0 ? Object.fromEntries(on) : undefined;
}

const floats = (data: Float32Array, dims: readonly number[]): NdArray => ({ type: 'float32', dims, data });
