import { NameScope } from '../graph/edit.js';
import { fakeQuantizeNodes, scopeOf } from '../graph/fake-quantize.js';
import { BIAS_INPUT } from '../graph/linear-layer.js';
import { type Graph, inputAt, type Model, type Node, node, type ValueInfo } from '../graph/model.js';
import { arrayOf, tensorOf } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import { elementCount, type Feed, type NdArray } from '../numerics/nd-array.js';
import { type Runs, roleOf, type WeightedNode, type WeightSite } from '../place/placement.js';
import { biasIn, dequantizeBias } from '../quantize/bias.js';
import { layerQuantizerOf, type Plan } from '../quantize/plan.js';
import { dequantizeTensor } from '../quantize/quantized-tensor.js';

/** A layer whose weights, bias and input can be quantized alone. */
export interface ProbeLayer {
  readonly id: string;
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
  /** The value at the end of the layer's fused chain. */
  readonly result: string;
  /** Multiplications for each element of the result; 0 where they are not counted. */
  readonly terms: number;
}

/**
 * The float model with what quantization changes as inputs of its own: any layer can be quantized alone, at the cost of
 * one run and without a session of its own.
 */
export interface Probe {
  readonly model: Model;
  readonly layers: readonly ProbeLayer[];
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
 * The input of a layer is quantized for this layer alone, whoever else reads the value; what rounds its result counts for
 * the layers that read it.
 *
 * @param model - the folded float model; left as it is
 */
export function buildProbe(model: Model, plan: Pick<Plan, 'placement' | 'activations'>): Probe {
  const builder = new ProbeBuilder(model, plan);
  return builder.build();
}

class ProbeBuilder {
  readonly #model: Model;
  readonly #plan: Pick<Plan, 'placement' | 'activations'>;
  readonly #graph: Graph;
  readonly #names: NameScope;
  readonly #layers: ProbeLayer[] = [];
  readonly #float: Record<string, NdArray> = {};
  /** Biases that another node than the layer's own adds. */
  readonly #biasFeeds = new Map<Node, ReadonlyMap<string, string>>();

  constructor(model: Model, plan: Pick<Plan, 'placement' | 'activations'>) {
    this.#model = model;
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
    return { model: { ...this.#model, graph: this.#graph }, layers: this.#layers, float: this.#float };
  }

  #copy(source: Node): void {
    const role = roleOf(this.#plan.placement, source);
    const copy: Node = { ...source, inputs: [...source.inputs] };
    const biases = this.#biasFeeds.get(source);
    if (biases) copy.inputs = copy.inputs.map((name) => biases.get(name) ?? name);
    if (role?.kind === 'weighted') this.#probeLayer(copy, role.weighted);
    this.#graph.nodes.push(copy);
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
      terms: runs.linear ? elements / runs.linear.outputChannels : 0,
    });
  }

  /** Make a constant of a node an input of the probe. */
  #weight(copy: Node, site: WeightSite) {
    const { dims } = site.weight;
    const feed = this.#input(`${copy.id}_${site.weightName}_probe`, 'float32', dims);
    copy.inputs[site.input] = feed;
    this.#float[feed] = arrayOf(site.weight);
    return { site, feed, elements: elementCount(dims) };
  }

  #bias(copy: Node, { bias }: WeightedNode, biasAdd: Node | undefined): string | undefined {
    const tensor = this.#model.graph.initializers.get(bias ?? '');
    if (bias === undefined || !tensor) return undefined;
    // A scalar bias has one value a channel once it is quantized: its shape is left open.
    const feed = this.#input(`${copy.id}_bias_probe`, 'float32', undefined);
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
    const off = this.#names.fresh(`${copy.id}_input_off`);
    const quantized = quantizer ? this.#quantize(value, quantizer, on) : this.#quantizeDynamically(value, on);
    const condition = this.#input(`${copy.id}_switch`, 'bool', []);
    const output = this.#names.fresh(`${copy.id}_input`);
    this.#graph.nodes.push({
      ...node('If', [condition], [output]),
      attributes: new Map([
        ['then_branch', { kind: 'graph', value: branch(quantized, on) }],
        ['else_branch', { kind: 'graph', value: branch([node('Identity', [value], [off])], off) }],
      ]),
    });
    copy.inputs[0] = output;
    this.#float[condition] = OFF;
    return condition;
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

  #input(wanted: string, dataType: 'float32' | 'bool', shape: readonly number[] | undefined): string {
    const name = this.#names.fresh(wanted);
    this.#graph.inputs.push({ name, dataType, shape });
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
      if (weight) feed[input] = floats(dequantizeTensor(weight), weight.dims);
    }
    const bias = part === 'both' ? biasIn(plan, layer.weighted) : undefined;
    // Its scale is that of the input times that of the weight: it is rounded where both are.
    if (layer.bias !== undefined && bias) {
      feed[layer.bias] = floats(dequantizeBias(bias), [bias.values.length]);
    }
  }
  if (part !== 'weight' && layer.inputSwitch !== undefined) feed[layer.inputSwitch] = ON;
  return Object.keys(feed).length > 0 ? feed : undefined;
}

const floats = (data: Float32Array, dims: readonly number[]): NdArray => ({ type: 'float32', dims, data });
