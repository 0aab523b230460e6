import { affineMoments } from '../graph/editor.js';
import { type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import {
  type BatchNormMoments,
  type Dim,
  floatAttribute,
  type Graph,
  inputAt,
  intAttribute,
  isOp,
  type Node,
} from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { floatsOf, isFloatTensor, type Tensor } from '../graph/tensor.js';
import type { Uses } from '../graph/uses.js';
import { elementCount } from '../numerics/nd-array.js';

/** A node as what it computes: y = scale·x + shift, channel by channel. */
export interface Affine {
  readonly node: Node;
  readonly input: string;
  readonly output: string;
  /** In float64, one a channel. */
  readonly scale: Float64Array;
  readonly shift: Float64Array;
  /** What is known of y, given what is known of x. */
  readonly momentsFrom: (input: BatchNormMoments | undefined) => BatchNormMoments | undefined;
}

/** Where the channels of a value are: its rank, undefined where that is unknown, and their axis from the end. */
export interface ChannelPlace {
  readonly channels: number;
  readonly rank: number | undefined;
  /** 0: the last axis. */
  readonly fromEnd: number;
  /** The shape that the file states of the value; undefined where it states none. */
  readonly shape?: readonly Dim[] | undefined;
}

/** Operators that can be an Affine. */
const affineOps = ['BatchNormalization', 'Add', 'Sub', 'Mul', 'Div'] as const;

/** The nodes to look at. */
export function affineNodes(graph: Graph): Node[] {
  return graph.nodes.filter((node) => isOp(node, ...affineOps));
}

/** Where the channels of a layer's output are; of a MatMul with a product of unknown rank, the rank is unknown. */
export function outputPlace(graph: Graph, uses: Uses, layer: LinearLayer): ChannelPlace {
  const [output = ''] = layer.node.outputs;
  const place = placeOf(layer, layer.outputChannels, () => rankOf(graph, uses, output));
  return { ...place, shape: graph.valueInfo.get(output)?.shape };
}

/** Where the channels of the activation that a layer reads are. */
export function inputPlace(graph: Graph, uses: Uses, layer: LinearLayer): ChannelPlace {
  return placeOf(layer, layer.inputChannels, () => rankOf(graph, uses, layer.node.inputs[0] ?? ''));
}

function placeOf(
  { node, weight: { dims } }: LinearLayer,
  channels: number,
  rank: () => number | undefined,
): ChannelPlace {
  if (isOp(node, 'Gemm')) return { channels, rank: 2, fromEnd: 0 };
  if (isOp(node, 'MatMul')) return { channels, rank: rank(), fromEnd: 0 };
  return { channels, rank: dims.length, fromEnd: dims.length - 2 };
}

/**
 * Read an inference BatchNormalization, or an Add, Sub, Mul or Div with a constant that has one value, or one a channel.
 *
 * @returns undefined where the node is none, or where a factor or a shift is not finite
 */
export function affineOf(graph: Graph, uses: Uses, node: Node, place: ChannelPlace): Affine | undefined {
  if (isOp(node, 'BatchNormalization')) {
    const isSecondAxis = place.rank !== undefined && place.fromEnd === place.rank - 2;
    const bn = isSecondAxis ? batchNormOf(graph, uses, node) : undefined;
    return bn?.scale.length === place.channels ? bn : undefined;
  }
  const affine = arithmeticOf(graph, node, place);
  return affine && [...affine.scale, ...affine.shift].every(Number.isFinite) ? affine : undefined;
}

function arithmeticOf(graph: Graph, node: Node, place: ChannelPlace): Affine | undefined {
  if (!isOp(node, 'Add', 'Sub', 'Mul', 'Div')) return undefined;
  const constantAt = node.inputs.findIndex((name) => graph.initializers.has(name));
  const tensor = graph.initializers.get(node.inputs[constantAt] ?? '');
  const input = inputAt(node, 1 - constantAt);
  const [output] = node.outputs;
  if (!tensor || !input || !output || graph.initializers.has(input)) return undefined;
  const values = perChannel(tensor, place);
  if (!values) return undefined;
  const ones = () => values.map(() => 1);
  const zeros = () => values.map(() => 0);
  const make = (scale: Float64Array, shift: Float64Array): Affine => ({
    ...{ node, input, output, scale, shift },
    momentsFrom: (moments) => moments && affineMoments(moments, scale, shift),
  });
  if (isOp(node, 'Add')) return make(ones(), values);
  if (isOp(node, 'Mul')) return make(values, zeros());
  const isRight = constantAt === 1;
  if (isOp(node, 'Sub'))
    return isRight
      ? make(
          ones(),
          values.map((v) => -v),
        )
      : make(
          ones().map(() => -1),
          values,
        );
  return isRight
    ? make(
        values.map((v) => 1 / v),
        zeros(),
      )
    : undefined;
}

/**
 * One value for each channel; undefined where the constant varies along another axis, or would raise the rank. One that was
 * stretched over the places of a channel counts where the file says that the value has as many.
 */
function perChannel(
  tensor: Tensor,
  { channels, rank, fromEnd, shape }: ChannelPlace,
): Float64Array | undefined {
  const { dims } = tensor;
  if (!isFloatTensor(tensor) || dims.length > (rank ?? 1)) return undefined;
  const axis = dims.length - 1 - fromEnd;
  const isOne = elementCount(dims) === 1;
  const shift = (shape?.length ?? 0) - dims.length;
  const isStretched = (size: number, i: number) => shape?.length === rank && shape?.[i + shift] === size;
  const fits = dims.every((size, i) => size === 1 || (i === axis ? size === channels : isStretched(size, i)));
  if (!fits && !isOne) return undefined;
  const values = floatsOf(tensor);
  const inner = isOne || axis < 0 ? values.length : elementCount(dims.slice(axis + 1));
  const count = isOne || axis < 0 ? 1 : (dims[axis] ?? 1);
  const channelOf = (i: number) => Math.floor(i / inner) % count;
  if (values.some((value, i) => value !== values[channelOf(i) * inner])) return undefined;
  return Float64Array.from({ length: channels }, (_, c) => values[(c % count) * inner] as number);
}

/** An inference BatchNormalization (axis 1), with what it states of the value before it. */
export interface BatchNorm extends Affine {
  /** Moving mean and standard deviation √(σ²+ε) of what it reads. */
  readonly seen: BatchNormMoments;
}

/** The nodes to look at. */
export function batchNormNodes(graph: Graph): Node[] {
  return graph.nodes.filter((node) => isOp(node, 'BatchNormalization'));
}

/**
 * Read a BatchNormalization node: scale γ/√(σ²+ε), shift β − μ·scale. Jacob et al. 2018, §3.2: the moving statistics are
 * folded, not a batch's.
 *
 * @returns undefined where it trains, where its parameters are no constants, or where a second output is read
 */
export function batchNormOf(graph: Graph, uses: Uses, node: Node): BatchNorm | undefined {
  if (
    !isOp(node, 'BatchNormalization') ||
    intAttribute(node, 'training_mode', 0) !== 0 ||
    intAttribute(node, 'spatial', 1) === 0
  )
    return undefined;
  const [output, ...others] = node.outputs;
  const input = inputAt(node, 0);
  if (!input || !output || others.some((other) => other && !uses.isUnused(other))) return undefined;
  const parameters = node.inputs.slice(1, 5).map((name) => graph.initializers.get(name));
  if (parameters.length !== 4 || !parameters.every((tensor): tensor is Tensor => tensor !== undefined))
    return undefined;
  const [gamma, beta, mean, variance] = parameters.map(floatsOf) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const deviation = Float64Array.from(variance, (v) => Math.sqrt(v + epsilon));
  const scale = Float64Array.from(gamma, (g, c) => g / (deviation[c] ?? 0));
  const shift = Float64Array.from(beta, (b, c) => b - (mean[c] ?? 0) * (scale[c] ?? 0));
  const moments = { beta, gamma: gamma.map(Math.abs) };
  const seen = { beta: mean, gamma: Float32Array.from(deviation) };
  return { node, input, output, scale, shift, seen, momentsFrom: () => moments };
}

/** The linear layer that makes a value, where nothing else reads it. */
export function layerBehind(graph: Graph, uses: Uses, value: string): LinearLayer | undefined {
  const maker = uses.hasOneUse(value) ? uses.producer(value) : undefined;
  return maker && linearLayerOf(graph, maker);
}
