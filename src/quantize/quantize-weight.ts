import { type Pairing, pairSums, saturatingPairs, withinPairs } from './pairs.js';
import { dequantizeTensor, integersOfTensor, type QuantizedTensor } from './quantized-tensor.js';
import { joinChannels, splitChannels } from './schemes/channels.js';
import type { Scheme, WeightRequest } from './schemes/scheme.js';
import { codesOf } from './schemes/uniform.js';

/** A weight, and how the kernel that reads it adds its products. */
export interface PairedRequest extends WeightRequest {
  /** Undefined where no sum can saturate, or where it may. */
  readonly pairing: Pairing | undefined;
}

/**
 * Quantize a weight by a scheme so that its sums are the same on every x86: what can saturate takes a larger scale, the
 * one of least squared error, and the pairs that still would take the nearest codes that do not. What cannot saturate
 * stays as the scheme has it.
 *
 * @param quantize - by the scheme
 */
export async function quantizePortably(
  scheme: Pick<Scheme, 'powersOfTwo'>,
  paired: PairedRequest,
  quantize: (request: WeightRequest) => QuantizedTensor | Promise<QuantizedTensor>,
): Promise<QuantizedTensor> {
  const { pairing, ...request } = paired;
  const { values } = request;
  const plain = await quantize(request);
  if (!pairing || saturatingPairs(integersOfTensor(plain), pairing) === 0) return plain;
  const scales = plain.scales.map((scale, c) => {
    const channels = plain.axis === undefined ? undefined : [c];
    const ideal = pairedScale(pairSums(values, pairing, channels), scale, pairing.bound);
    return scheme.powersOfTwo ? scale * 2 ** Math.round(Math.log2(ideal / scale)) : ideal;
  });
  if (plain.kind === 'affine') {
    return withinPairs({ ...plain, scales, codes: codesAt(request, scales) }, values, pairing);
  }
  // Levels are free: where they are few, half of the integers hold them as well, and then no pair can saturate.
  const half = Math.min(Math.floor(pairing.bound / 2), request.limit);
  const others = [quantize({ ...request, scaleFloor: scales }), quantize({ ...request, limit: half })];
  const tried = [plain, ...(await Promise.all(others))].map((tensor) => withinPairs(tensor, values, pairing));
  const errors = tried.map((tensor) => errorOf(tensor, values));
  return tried[errors.indexOf(Math.min(...errors))] as QuantizedTensor;
}

/**
 * The scale of least squared error for uniform codes whose pairs must not sum up beyond the bound B: the minimum over
 * s ≥ least of n·s²/12 + ½·Σ max(0, t − B·s)². The first term is rounding, n weights each by s²/12; the second what it
 * costs to bring a pair whose magnitudes sum up to t down to B·s, each by half of the excess. It is convex, and between
 * two sums a parabola.
 */
export function pairedScale(
  { sums, terms }: { readonly sums: Float64Array; readonly terms: number },
  least: number,
  bound: number,
): number {
  const beyond = sums.filter((t) => t > bound * least).sort();
  let total = 0;
  let scale = least;
  // The largest first; it ends at the number of pairs that stay beyond the bound at the scale that they ask for.
  for (let i = beyond.length - 1; i >= 0; i--) {
    const t = beyond[i] as number;
    if (t <= bound * scale) break;
    total += t;
    scale = (bound * total) / (terms / 6 + bound ** 2 * (beyond.length - i));
  }
  return Math.fround(Math.max(scale, least));
}

/** Codes at other scales, −128 never among them. */
function codesAt(request: WeightRequest, scales: Float32Array): Int8Array {
  const top = request.limit;
  const range = { low: -top, high: top };
  const parts = splitChannels(request).map((weights, c) => codesOf(weights, scales[c] as number, range));
  return joinChannels(parts, request, new Int8Array(request.values.length));
}

/** Σ(w − ŵ)². */
function errorOf(tensor: QuantizedTensor, values: Float32Array): number {
  const stored = dequantizeTensor(tensor);
  let error = 0;
  for (let i = 0; i < stored.length; i++) error += ((stored[i] as number) - (values[i] as number)) ** 2;
  return error;
}
