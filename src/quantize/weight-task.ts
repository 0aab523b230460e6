import { elementCount } from '../numerics/nd-array.js';
import { type BlockRequest, quantizeBlocks } from './blocks.js';
import type { BlockTensor, CodebookTensor, QuantizedTensor } from './quantized-tensor.js';
import type { Scheme, WeightRequest } from './schemes/scheme.js';

/** A weight to quantize, or some channels of one: by a scheme, or in blocks. */
export type WeightTask =
  | { readonly kind: 'scheme'; readonly scheme: string; readonly request: WeightRequest }
  | { readonly kind: 'blocks'; readonly request: BlockRequest };

/** What becomes of it. */
export function quantizeTask(task: WeightTask, schemes: readonly Scheme[]): QuantizedTensor | BlockTensor {
  if (task.kind === 'blocks') return quantizeBlocks(task.request);
  const scheme = schemes.find(({ name }) => name === task.scheme);
  if (!scheme) throw new Error(`no scheme ${task.scheme}`);
  return scheme.quantize(task.request);
}

/** Weights of a part, about: some tens of milliseconds by the slowest scheme, and 512 KiB to copy. */
const PART_WEIGHTS = 2 ** 17;

/** Some channels of a weight, or all. */
export interface WeightPart {
  readonly weights: number;
  /** Where it is all of the weight: the weight itself. */
  readonly whole?: WeightTask;
  /** A copy with its own buffer, made when it is needed: few are in memory at a time. */
  cut(): WeightTask;
}

/**
 * A weight in parts that do not depend on each other: channels that have scales of their own, those that share a codebook
 * together. What has one scale, or one codebook, is a single part.
 *
 * @param partWeights - weights of a part, about
 */
export function partsOf(
  task: WeightTask,
  scheme: Scheme | undefined,
  partWeights = PART_WEIGHTS,
): WeightPart[] {
  const { values, dims } = task.request;
  const unit = channelsTogether(task, scheme);
  const { axis } = task.request;
  if (axis === undefined || unit === undefined || values.length < 2 * partWeights)
    return [{ weights: values.length, whole: task, cut: () => copyOf(task) }];
  const channels = dims[axis] ?? 1;
  const each = values.length / channels;
  const size = unit * Math.max(1, Math.floor(partWeights / (unit * each)));
  const parts: WeightPart[] = [];
  for (let first = 0; first < channels; first += size) {
    const end = Math.min(first + size, channels);
    parts.push({ weights: (end - first) * each, cut: () => cutChannels(task, axis, first, end) });
  }
  return parts;
}

/** How many channels must stay together; undefined where all must. */
function channelsTogether(task: WeightTask, scheme: Scheme | undefined): number | undefined {
  if (task.kind === 'blocks') return 1;
  // Only levels that are free are chosen by the weights: all others are the same for every channel.
  return scheme?.freeLevels ? task.request.channelsPerCodebook : 1;
}

function copyOf(task: WeightTask): WeightTask {
  const values = task.request.values.slice();
  if (task.kind === 'blocks') return { kind: 'blocks', request: { ...task.request, values } };
  return { ...task, request: { ...task.request, values, scaleFloor: task.request.scaleFloor.slice() } };
}

function cutChannels(task: WeightTask, axis: number, first: number, end: number): WeightTask {
  const { values, dims } = task.request;
  const outer = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1));
  const channels = dims[axis] ?? 1;
  const width = (end - first) * inner;
  const part = new Float32Array(outer * width);
  for (let row = 0; row < outer; row++) {
    const at = (row * channels + first) * inner;
    part.set(values.subarray(at, at + width), row * width);
  }
  const changes = { values: part, dims: dims.map((dim, i) => (i === axis ? end - first : dim)) };
  if (task.kind === 'blocks') return { kind: 'blocks', request: { ...task.request, ...changes } };
  const scaleFloor = task.request.scaleFloor.slice(first, end);
  return { ...task, request: { ...task.request, ...changes, scaleFloor } };
}

/** The parts of a weight, joined to what it is as a whole. */
export function joinParts(
  task: WeightTask,
  scheme: Scheme | undefined,
  parts: readonly (QuantizedTensor | BlockTensor)[],
): QuantizedTensor | BlockTensor {
  const [first] = parts;
  if (!first || parts.length === 1) return first as QuantizedTensor;
  const { dims } = task.request;
  const scales = joined(parts, ({ scales }) => scales, Float32Array);
  if (first.kind === 'blocks') {
    const blocks = parts as readonly BlockTensor[];
    const zeroPoints =
      first.zeroPoints && joined(blocks, (part) => part.zeroPoints as Uint8Array, Uint8Array);
    return { ...first, dims, scales, codes: joined(blocks, ({ codes }) => codes, Uint8Array), zeroPoints };
  }
  if (first.kind === 'affine') {
    const codes = new Int8Array(task.request.values.length);
    return { ...first, dims, scales, codes: joinRows(parts, dims, first.axis ?? 0, codes) };
  }
  const indices = joinRows(parts, dims, first.axis ?? 0, new Uint8Array(task.request.values.length));
  const whole = { ...first, dims, scales, indices };
  if (!scheme?.freeLevels) return whole;
  const levels = joined(parts as readonly CodebookTensor[], (part) => part.levels, Int8Array);
  const channelsPerCodebook = task.kind === 'scheme' ? task.request.channelsPerCodebook : undefined;
  return { ...whole, levels, channelsPerCodebook };
}

interface TypedArrays {
  Float32Array: Float32Array;
  Uint8Array: Uint8Array;
  Int8Array: Int8Array;
}

function joined<P, T extends TypedArrays[keyof TypedArrays]>(
  parts: readonly P[],
  arrayOf: (part: P) => T,
  make: new (length: number) => T,
): T {
  const arrays = parts.map(arrayOf);
  const all = new make(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

/** The codes or indices of parts, back in the rows of the whole. */
function joinRows<T extends Int8Array | Uint8Array>(
  parts: readonly (QuantizedTensor | BlockTensor)[],
  dims: readonly number[],
  axis: number,
  into: T,
): T {
  const outer = elementCount(dims.slice(0, axis));
  const row = into.length / outer;
  let offset = 0;
  for (const part of parts) {
    const codes = part.kind === 'codebook' ? part.indices : part.codes;
    const width = codes.length / outer;
    for (let r = 0; r < outer; r++) into.set(codes.subarray(r * width, (r + 1) * width), r * row + offset);
    offset += width;
  }
  return into;
}
