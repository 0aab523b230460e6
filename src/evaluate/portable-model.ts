import { dataTypeCodes } from '../graph/data-type.js';
import { NameScope } from '../graph/edit.js';
import {
  attribute,
  type Graph,
  inputAt,
  intAttribute,
  isOp,
  type Model,
  type Node,
  node,
} from '../graph/model.js';
import { arrayOf, type Tensor, tensorOf } from '../graph/tensor.js';
import { indexUses, type Uses } from '../graph/uses.js';
import { LARGEST_CODE } from '../numerics/activation.js';
import { elementCount, type NdArray } from '../numerics/nd-array.js';
import { INT16_MAX, kernelPairing, pairsThatSaturate, type SaturatingPair } from '../quantize/pairs.js';

/** A layer of a quantized file that runs on a kernel of uint8 activations and int8 weights. */
export interface KernelLayer {
  readonly node: Node;
  /** The value of its activation codes, and of their zero point where a convolution pads with it. */
  readonly codes: string;
  readonly zeroPoint: string | undefined;
  /** The value of the weight's integers. */
  readonly weight: string;
  /** The value of the weight's zero point, where the result is int32 and it has one. */
  readonly weightZeroPoint?: string | undefined;
  /** Scales of activation and weight; undefined where the result is int32. */
  readonly scales: readonly [string, string] | undefined;
  /** Largest code that the activation has. */
  readonly largest: number;
}

/** What is read of a file beside its graph, by the value's name. */
export type KnownValues = ReadonlyMap<string, NdArray>;

/**
 * The layers of a quantized file whose sums could be made in int16: QDQ Conv in front of a Q, QDQ Gemm and MatMul, and
 * MatMulInteger. Weights and activations of other types than int8 and uint8 have other kernels.
 */
export function kernelLayers(graph: Graph): KernelLayer[] {
  const uses = indexUses(graph);
  return graph.nodes.flatMap((each): KernelLayer[] => {
    if (isOp(each, 'MatMulInteger')) {
      const [codes = '', weight = ''] = each.inputs;
      const shared = { node: each, codes, weight, zeroPoint: undefined, scales: undefined };
      return [{ ...shared, weightZeroPoint: inputAt(each, 3), largest: largestOf(codes, graph, uses) }];
    }
    if (!isOp(each, 'Conv', 'Gemm', 'MatMul')) return [];
    if (isOp(each, 'Conv') && !isQuantizedAfter(each, uses)) return [];
    if (isOp(each, 'Gemm') && intAttribute(each, 'transA', 0) !== 0) return [];
    const [input, weight] = [0, 1].map((at) => uses.producer(inputAt(each, at) ?? ''));
    if (!input || !weight || !isOp(input, 'DequantizeLinear') || !isOp(weight, 'DequantizeLinear')) return [];
    const [codes = '', scale = '', zeroPoint] = input.inputs;
    const [integers = '', weightScale = ''] = weight.inputs;
    // Without a zero point the type of the codes is not stated, and is uint8 where a Q makes them.
    const type = graph.initializers.get(zeroPoint ?? '')?.dataType ?? 'uint8';
    if (type !== 'uint8') return [];
    const stored = graph.initializers.get(integers)?.dataType ?? 'int8';
    if (stored !== 'int8') return [];
    const largest = largestOf(codes, graph, uses);
    return [{ node: each, codes, zeroPoint, weight: integers, scales: [scale, weightScale], largest }];
  });
}

/** Whether a convolution's result is quantized, behind a clamp or not: only then it runs on integers. */
function isQuantizedAfter(conv: Node, uses: Uses): boolean {
  const [output = ''] = conv.outputs;
  const next = uses.onlyReader(output);
  if (!next) return false;
  if (isOp(next, 'QuantizeLinear')) return true;
  return isOp(next, 'Relu', 'Clip', 'LeakyRelu') && isQuantizedAfter(next, uses);
}

/** The upper bound of a Clip of codes. */
function largestOf(codes: string, { initializers }: Graph, uses: Uses): number {
  const clip = uses.producer(codes);
  const most = clip && isOp(clip, 'Clip') ? initializers.get(inputAt(clip, 2) ?? '') : undefined;
  return most ? Number(arrayOf(most).data[0]) : LARGEST_CODE;
}

/** A model that gives what the integer kernels of x86 without VNNI would. */
export interface PortableModel {
  readonly model: Model;
  /** Layers with pairs that can saturate, and how many pairs they are. */
  readonly layers: number;
  readonly pairs: number;
  /** Multiplications for each sample that this adds. */
  readonly multiplications: number;
}

/** Elements of the sums of pairs that a session should hold at once: 64 MiB as float32. */
const HELD_ELEMENTS = 2 ** 24;

/**
 * Write what saturation takes away into a quantized model. The kernels clip each sum of two products to int16 before they
 * add it in int32 (`Pairing`); so for each pair of integers a, b of one sign whose products can go beyond, the layer's
 * result is brought back by max(0, x·a + y·b − 32767), or by what is below −32768, times both scales. All of it is exact in
 * float32: a sum of a pair is below 2^16. To be run as the graph states it, without integer kernels.
 *
 * @param known - the integers of weights, scales, and zero points of the layers
 * @param sizes - elements of each layer's result for one sample, by name
 * @returns undefined where no pair can saturate
 */
export function portableModel(
  model: Model,
  layers: readonly KernelLayer[],
  known: KnownValues,
  sizes: ReadonlyMap<string, number>,
): PortableModel | undefined {
  const writer = new PortableWriter(model, known, sizes);
  const written = new Map(layers.map((layer) => [layer.node, layer]));
  for (const each of model.graph.nodes) {
    const layer = written.get(each);
    if (layer) writer.layer(layer);
    else writer.nodes.push(each);
  }
  const { nodes, initializers, totals } = writer;
  if (totals.pairs === 0) return undefined;
  return { model: { ...model, graph: { ...model.graph, nodes, initializers } }, ...totals };
}

class PortableWriter {
  readonly nodes: Node[] = [];
  readonly initializers: Map<string, Tensor>;
  readonly totals = { layers: 0, pairs: 0, multiplications: 0 };
  readonly #names: NameScope;
  readonly #known: KnownValues;
  readonly #sizes: ReadonlyMap<string, number>;

  constructor({ graph }: Model, known: KnownValues, sizes: ReadonlyMap<string, number>) {
    this.initializers = new Map(graph.initializers);
    this.#names = new NameScope(graph);
    this.#known = known;
    this.#sizes = sizes;
  }

  layer(layer: KernelLayer): void {
    const { node: source } = layer;
    const weight = this.#known.get(layer.weight);
    const [output = ''] = source.outputs;
    const isConv = isOp(source, 'Conv');
    const outputAxis = isConv || intAttribute(source, 'transB', 0) !== 0 ? 0 : 1;
    const groups = intAttribute(source, 'group', 1);
    const dims = weight?.dims ?? [];
    const isPlain = weight?.type === 'int8' && (isConv ? dims.length >= 3 : dims.length === 2);
    const pairing = isPlain && kernelPairing({ isConv, dims, groups, outputAxis }, layer.largest);
    const pairs = pairing ? [...pairsThatSaturate(weight.data as Int8Array, pairing)] : [];
    if (!weight || !pairing || pairs.length === 0) {
      this.nodes.push(source);
      return;
    }
    this.totals.layers++;
    this.totals.pairs += pairs.length;
    const { channels } = pairing;
    const perChannel = (this.#sizes.get(output) ?? channels) / channels;
    const terms = isConv ? elementCount(dims.slice(1)) : (dims[1 - outputAxis] ?? 0);
    const exact = this.#names.fresh(`${output}_exact`);
    const inputs = layer.scales ? source.inputs : this.#unsigned(layer, weight);
    this.nodes.push({ ...source, inputs, outputs: [exact] });
    const factors = this.#factors(layer, channels);
    const parts = groupsOf(pairs, channels / groups, groups, HELD_ELEMENTS / perChannel).map((part) => {
      const count = part.length * (part[0]?.length ?? 0);
      this.totals.multiplications += count * perChannel * (terms + channels / groups);
      return isConv
        ? this.#ofConv(layer, weight.dims, part, factors)
        : this.#ofMatrix(layer, weight.dims, outputAxis, part[0] ?? [], factors);
    });
    let sum = exact;
    parts.forEach((part, i) => {
      const last = i === parts.length - 1;
      let addend = part;
      if (!layer.scales) {
        addend = this.#names.fresh(`${part}_int`);
        this.nodes.push(node('Cast', [part], [addend], { to: attribute.int(dataTypeCodes.int32) }));
      }
      const next = last ? output : this.#names.fresh(`${output}_part`);
      this.nodes.push(node('Add', [sum, addend], [next]));
      sum = next;
    });
  }

  /**
   * The inputs of a MatMulInteger, its weight as uint8: the kernels of two uint8 add in int32 on every x86, where those of
   * int8 would saturate here, too, if this machine has no VNNI. 128 more of the weight and of its zero point is the same.
   */
  #unsigned({ node: source, weightZeroPoint }: KernelLayer, weight: NdArray): string[] {
    const more = ({ dims, data }: Pick<NdArray, 'dims' | 'data'>): NdArray => ({
      ...{ type: 'uint8', dims },
      data: Uint8Array.from(data as Int8Array, (code) => code + 128),
    });
    const zeroPoint = this.#known.get(weightZeroPoint ?? '') ?? { dims: [], data: Int8Array.of(0) };
    const [codes = '', , activationZeroPoint = ''] = source.inputs;
    return [
      ...[codes, this.#constant(`${source.id}_unsigned`, more(weight)), activationZeroPoint],
      this.#constant(`${source.id}_unsigned_zero`, more(zeroPoint)),
    ];
  }

  /** Both scales of each channel; of an int32 result, and of alpha of a Gemm, what they are there. */
  #factors({ node: source, scales }: KernelLayer, channels: number): (channel: number) => number {
    if (!scales) return () => 1;
    const [own, weights] = scales.map((name) => this.#known.get(name)?.data ?? []);
    const alpha = source.attributes.get('alpha');
    const factor = Number(own?.[0] ?? 1) * (alpha?.kind === 'float' ? alpha.value : 1);
    const isShared = (weights?.length ?? 0) < channels;
    return (channel) => factor * Number(weights?.[isShared ? 0 : channel] ?? 1);
  }

  /** One convolution gives what each pair has beyond int16, a second one of 1×1 takes it to its channel. */
  #ofConv(
    { node: source, codes, zeroPoint }: KernelLayer,
    dims: readonly number[],
    groups: readonly (readonly (SaturatingPair | undefined)[])[],
    factors: (channel: number) => number,
  ): string {
    const [channels = 0, ...inner] = dims;
    const stride = elementCount(inner);
    const zero = Number(this.#known.get(zeroPoint ?? '')?.data[0] ?? 0);
    const all = groups.flat();
    const sums = new Float32Array(all.length * stride);
    const bias = new Float32Array(all.length);
    const perGroup = all.length / groups.length;
    const back = new Float32Array(channels * perGroup);
    all.forEach((pair, p) => {
      // What fills up a group with fewer pairs is never beyond.
      bias[p] = -1;
      if (!pair) return;
      const { channel, places, integers } = pair;
      const [a, b] = integers;
      const sign = Math.sign(a);
      sums[p * stride + places[0] - channel * stride] = sign * a;
      sums[p * stride + places[1] - channel * stride] = sign * b;
      // Codes less their zero point are 0 where the convolution pads.
      bias[p] = sign * zero * (a + b) - limitOf(sign);
      back[channel * perGroup + (p % perGroup)] = -sign * factors(channel);
    });
    const one = this.#constant(`${codes}_one`, { type: 'float32', dims: [], data: Float32Array.of(1) });
    const shifted = this.#names.fresh(`${codes}_shifted`);
    const zeroPoints = zeroPoint ? [zeroPoint] : [];
    this.nodes.push(node('DequantizeLinear', [codes, one, ...zeroPoints], [shifted]));
    const beyond = this.#names.fresh(`${source.id}_sums`);
    const weight = this.#constant(`${source.id}_pairs`, {
      type: 'float32',
      dims: [all.length, ...inner],
      data: sums,
    });
    const row = this.#constant(`${source.id}_limits`, { type: 'float32', dims: [all.length], data: bias });
    const sumsOf = node('Conv', [shifted, weight, row], [beyond]);
    this.nodes.push({ ...sumsOf, attributes: source.attributes });
    const point = this.#constant(`${source.id}_back`, {
      type: 'float32',
      dims: [channels, perGroup, ...inner.slice(1).map(() => 1)],
      data: back,
    });
    return this.#through(beyond, (excess, output) =>
      node('Conv', [excess, point], [output], { group: attribute.int(groups.length) }),
    );
  }

  /** The same for a matrix: the columns of the pairs, and back. */
  #ofMatrix(
    { node: source, codes }: KernelLayer,
    dims: readonly number[],
    outputAxis: number,
    pairs: readonly (SaturatingPair | undefined)[],
    factors: (channel: number) => number,
  ): string {
    const [rows = 0, columns = 0] = dims;
    const [terms, channels] = outputAxis === 0 ? [columns, rows] : [rows, columns];
    const termOf = (place: number) => (outputAxis === 0 ? place % columns : Math.floor(place / columns));
    const count = pairs.length;
    const sums = new Float32Array(terms * count);
    const limits = new Float32Array(count);
    const back = new Float32Array(count * channels);
    pairs.forEach((pair, p) => {
      if (!pair) return;
      const { channel, places, integers } = pair;
      const sign = Math.sign(integers[0]);
      for (const i of [0, 1] as const) sums[termOf(places[i]) * count + p] = sign * integers[i];
      limits[p] = -limitOf(sign);
      back[p * channels + channel] = -sign * factors(channel);
    });
    const floats = this.#names.fresh(`${codes}_floats`);
    const [both, beyond] = [this.#names.fresh(`${source.id}_both`), this.#names.fresh(`${source.id}_sums`)];
    const matrix = (suffix: string, shape: number[], data: Float32Array) =>
      this.#constant(`${source.id}_${suffix}`, { type: 'float32', dims: shape, data });
    this.nodes.push(
      node('Cast', [codes], [floats], { to: attribute.int(dataTypeCodes.float32) }),
      node('MatMul', [floats, matrix('pairs', [terms, count], sums)], [both]),
      node('Add', [both, matrix('limits', [count], limits)], [beyond]),
    );
    const returned = matrix('back', [count, channels], back);
    return this.#through(beyond, (excess, output) => node('MatMul', [excess, returned], [output]));
  }

  #through(beyond: string, back: (excess: string, output: string) => Node): string {
    const [excess, output] = [this.#names.fresh(`${beyond}_excess`), this.#names.fresh(`${beyond}_lost`)];
    this.nodes.push(node('Relu', [beyond], [excess]), back(excess, output));
    return output;
  }

  #constant(wanted: string, array: NdArray): string {
    const name = this.#names.fresh(wanted);
    this.initializers.set(name, tensorOf(array));
    return name;
  }
}

/** The largest magnitude of int16 on one side. */
const limitOf = (sign: number): number => (sign > 0 ? INT16_MAX : INT16_MAX + 1);

/**
 * Pairs in parts that a session can hold, each with as many pairs in every group, which a grouped convolution asks for:
 * undefined fills up.
 */
function groupsOf(
  pairs: readonly SaturatingPair[],
  channelsPerGroup: number,
  groups: number,
  most: number,
): (SaturatingPair | undefined)[][][] {
  const byGroup: SaturatingPair[][] = Array.from({ length: groups }, () => []);
  for (const pair of pairs) byGroup[Math.floor(pair.channel / channelsPerGroup)]?.push(pair);
  const longest = Math.max(...byGroup.map(({ length }) => length));
  const step = Math.max(1, Math.floor(most / groups));
  const parts: (SaturatingPair | undefined)[][][] = [];
  for (let from = 0; from < longest; from += step) {
    const length = Math.min(step, longest - from);
    parts.push(byGroup.map((own) => Array.from({ length }, (_, i) => own[from + i])));
  }
  return parts;
}
