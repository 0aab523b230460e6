import type { LinearLayer } from '../graph/linear-layer.js';
import { inputAt, isOp } from '../graph/model.js';
import { type ActivationQuantizer, LARGEST_CODE, largestCode } from '../numerics/activation.js';
import { elementCount } from '../numerics/nd-array.js';
import type { WeightedNode } from '../place/placement.js';
import { formOf } from '../place/targets/targets.js';
import { type Plan, quantizerOf } from './plan.js';
import { bookOf, integersOfTensor, type QuantizedTensor } from './quantized-tensor.js';

/**
 * The elements of a weight that integer kernels of x86 without VNNI add two and two in int16, with saturation
 * (`vpmaddubsw` in the AVX2 and AVX-512 kernels of onnxruntime; measured on an emulated Haswell, docs/format.md).
 *
 * Products are taken along K, neighbours 2k and 2k + 1 together, and each sum is clipped to −32768 … 32767 before it is
 * added in int32. K runs over the inputs of a matrix, and over (kernel places, input channels) of a convolution, each
 * group for itself.
 */
export interface Pairing {
  /** Sums, one an output channel. */
  readonly channels: number;
  /** Place of the first element of channel c: c times this. */
  readonly stride: number;
  /** Places of a channel's elements behind its first, in the order of K; an odd one at the end stands alone. */
  readonly offsets: Uint32Array;
  /** Largest sum of two integers of one sign that cannot saturate: ⌊32767 / largest activation code⌋. */
  readonly bound: number;
}

export const INT16_MAX = 32_767;

/** Two int8 of one sign sum up to this at most: where the bound is no lower, nothing saturates. */
const LARGEST_SUM = 254;

/**
 * How the kernel of a layer pairs its weight; undefined where none of its sums can saturate: few activation codes, one
 * product a sum, a depthwise kernel or one of ConvInteger, which add in int32.
 *
 * @param input - the quantizer of the layer's input; undefined where its range is found at run time
 */
export function pairingOf(layer: LinearLayer, input: ActivationQuantizer | undefined): Pairing | undefined {
  if (input === undefined && isOp(layer.node, 'Conv')) return undefined;
  const { weight: tensor, groups, outputAxis } = layer;
  const weight = { isConv: isOp(layer.node, 'Conv'), dims: tensor.dims, groups, outputAxis };
  if (!weight.isConv && !isOp(layer.node, 'Gemm', 'MatMul')) return undefined;
  return kernelPairing(weight, input ? largestCode(input) : LARGEST_CODE);
}

/** What a kernel needs to know of a weight to pair it. */
export interface PairedWeight {
  /** Of a convolution, [outputs, inputs / groups, …kernel]; else a matrix. */
  readonly isConv: boolean;
  readonly dims: readonly number[];
  readonly groups: number;
  /** Axis of a matrix that the outputs run along. */
  readonly outputAxis: number;
}

/** The same for a weight alone, whoever wrote the file. */
export function kernelPairing(
  { isConv, dims, groups, outputAxis }: PairedWeight,
  largest: number,
): Pairing | undefined {
  const bound = Math.floor(INT16_MAX / largest);
  if (bound >= LARGEST_SUM) return undefined;
  if (isConv) {
    const [channels = 0, inputs = 0, ...kernel] = dims;
    const isDepthwise = groups > 1 && inputs === 1 && channels === groups;
    if (isDepthwise) return undefined;
    const places = elementCount(kernel);
    return pairingFrom(channels, inputs * places, inputs * places, bound, (k) => {
      return (k % inputs) * places + Math.floor(k / inputs);
    });
  }
  const [rows = 0, columns = 0] = dims;
  return outputAxis === 0
    ? pairingFrom(rows, columns, columns, bound, (k) => k)
    : pairingFrom(columns, 1, rows, bound, (k) => k * columns);
}

/** How the kernel of a node of a plan pairs its weight; undefined where nothing can saturate, or where it may. */
export function pairingIn(
  plan: Pick<Plan, 'recipe' | 'placement' | 'activations'>,
  { node, runs }: WeightedNode,
): Pairing | undefined {
  if (runs.kind === 'float' || plan.recipe.assumeVnni) return undefined;
  if (formOf(plan.recipe.target).sums === 'int32') return undefined;
  const input = runs.kind === 'integer' ? quantizerOf(plan, inputAt(node, 0) ?? '') : undefined;
  return pairingOf(runs.linear, input);
}

function pairingFrom(
  channels: number,
  stride: number,
  terms: number,
  bound: number,
  offsetOf: (k: number) => number,
): Pairing | undefined {
  if (terms < 2) return undefined;
  return { channels, stride, offsets: Uint32Array.from({ length: terms }, (_, k) => offsetOf(k)), bound };
}

/** How many pairs of integers can saturate. */
export function saturatingPairs(integers: Int8Array, { channels, stride, offsets, bound }: Pairing): number {
  let pairs = 0;
  for (let first = 0; first < channels * stride; first += stride)
    for (let k = 0; k + 1 < offsets.length; k += 2) {
      const a = integers[first + (offsets[k] as number)] as number;
      const b = integers[first + (offsets[k + 1] as number)] as number;
      if (a * b > 0 && Math.abs(a + b) > bound) pairs++;
    }
  return pairs;
}

/** Two elements of a weight whose products can overflow int16 together. */
export interface SaturatingPair {
  readonly channel: number;
  /** Places of the two in the weight. */
  readonly places: readonly [number, number];
  readonly integers: readonly [number, number];
}

/** The pairs of integers that can saturate, channel by channel. */
export function* pairsThatSaturate(
  integers: Int8Array,
  { channels, stride, offsets, bound }: Pairing,
): Generator<SaturatingPair> {
  for (let channel = 0; channel < channels; channel++) {
    const first = channel * stride;
    for (let k = 0; k + 1 < offsets.length; k += 2) {
      const places = [first + (offsets[k] as number), first + (offsets[k + 1] as number)] as const;
      const [a, b] = [integers[places[0]] as number, integers[places[1]] as number];
      // Of two signs, neither product makes the other's larger.
      if (a * b > 0 && Math.abs(a + b) > bound) yield { channel, places, integers: [a, b] };
    }
  }
}

/** What pairs of one sign sum up to, in magnitude, and how many weights there are that are not zero. */
export function pairSums(
  values: Float32Array,
  { channels, stride, offsets }: Pairing,
  of: readonly number[] = Array.from({ length: channels }, (_, c) => c),
): { sums: Float64Array; terms: number } {
  const sums = new Float64Array(of.length * (offsets.length >> 1));
  let count = 0;
  let terms = 0;
  for (const c of of) {
    const first = c * stride;
    for (let k = 0; k < offsets.length; k += 2) {
      const a = values[first + (offsets[k] as number)] as number;
      const b = k + 1 < offsets.length ? (values[first + (offsets[k + 1] as number)] as number) : 0;
      if (a !== 0) terms++;
      if (b !== 0) terms++;
      if (a * b > 0) sums[count++] = Math.abs(a + b);
    }
  }
  return { sums: sums.subarray(0, count), terms };
}

/**
 * The same weight with each pair that can saturate moved to the integers nearest to it that cannot, in squared error.
 * Scales and levels stay. A refiner's last step, whatever it did to the codes.
 *
 * @param values - the float weight
 */
export function withinPairs<T extends QuantizedTensor>(weight: T, values: Float32Array, pairing: Pairing): T {
  const integers = integersOfTensor(weight);
  const { channels, stride, offsets, bound } = pairing;
  let codes: Int8Array | Uint8Array | undefined;
  const scaleOf = (c: number) => weight.scales[weight.scales.length === 1 ? 0 : c] as number;
  for (let c = 0; c < channels; c++) {
    const first = c * stride;
    const scale = scaleOf(c);
    for (let k = 0; k + 1 < offsets.length; k += 2) {
      const i = first + (offsets[k] as number);
      const j = first + (offsets[k + 1] as number);
      const a = integers[i] as number;
      const b = integers[j] as number;
      if (!(a * b > 0 && Math.abs(a + b) > bound)) continue;
      codes ??= weight.kind === 'affine' ? weight.codes.slice() : weight.indices.slice();
      const [x, y] = [(values[i] as number) / scale, (values[j] as number) / scale];
      [codes[i], codes[j]] =
        weight.kind === 'affine' ? nearestCodes(x, y, bound) : nearestLevels(x, y, bound, bookOf(weight, c));
    }
  }
  if (!codes) return weight;
  return weight.kind === 'affine'
    ? { ...weight, codes: codes as Int8Array }
    : { ...weight, indices: codes as Uint8Array };
}

/** Two codes of one sign that sum up to the bound, nearest to two weights in steps. */
function nearestCodes(x: number, y: number, bound: number): [number, number] {
  const sign = x + y < 0 ? -1 : 1;
  const top = Math.min(bound, 127);
  const first = Math.min(Math.max(Math.round((sign * (x - y) + bound) / 2), bound - top), top);
  return [sign * first, sign * (bound - first)];
}

/** Indices of two levels, nearest to two weights in steps, that do not sum up beyond the bound where they have one sign. */
function nearestLevels(x: number, y: number, bound: number, book: Int8Array): [number, number] {
  let best: [number, number] = [0, 0];
  let least = Number.POSITIVE_INFINITY;
  book.forEach((a, i) => {
    const own = (x - a) ** 2;
    if (own >= least) return;
    book.forEach((b, j) => {
      const error = own + (y - b) ** 2;
      if (error < least && (a * b <= 0 || Math.abs(a + b) <= bound)) [best, least] = [[i, j], error];
    });
  });
  return best;
}
