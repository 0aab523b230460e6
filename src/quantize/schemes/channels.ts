import { elementCount } from '../../numerics/nd-array.js';
import type { WeightRequest } from './scheme.js';

/** The shape of a weight, and the axis that its scales run along; undefined where one serves all. */
type Shape = Pick<WeightRequest, 'dims' | 'axis'>;

/** What the channels of a weight are made of: runs of `inner` consecutive elements, one in each of `outer` rows. */
function runsOf({ dims, axis = 0 }: Shape): { outer: number; channels: number; inner: number } {
  const outer = elementCount(dims.slice(0, axis));
  return { outer, channels: dims[axis] ?? 1, inner: elementCount(dims.slice(axis + 1)) };
}

/** A run that is shorter is copied by a loop: a view of it takes longer to make. */
const SHORT_RUN = 32;

/** The weights of each channel, of each scale that is: row-major, copied but where there is one scale. */
export function splitChannels({
  values,
  dims,
  axis,
}: Pick<WeightRequest, 'values' | 'dims' | 'axis'>): Float32Array[] {
  if (axis === undefined) return [values];
  const { outer, channels, inner } = runsOf({ dims, axis });
  return Array.from({ length: channels }, (_, c) => {
    const part = new Float32Array(outer * inner);
    if (inner < SHORT_RUN) {
      for (let row = 0, to = 0, at = c * inner; row < outer; row++, at += channels * inner)
        for (let i = at; i < at + inner; i++) part[to++] = values[i] as number;
      return part;
    }
    for (let row = 0; row < outer; row++) {
      const at = (row * channels + c) * inner;
      part.set(values.subarray(at, at + inner), row * inner);
    }
    return part;
  });
}

/** The reverse for codes or indices: the channels put back into one row-major array. */
export function joinChannels<T extends Int8Array | Uint8Array>(
  parts: readonly T[],
  { dims, axis }: Shape,
  into: T,
): T {
  if (axis === undefined) {
    into.set(parts[0] as T);
    return into;
  }
  const { outer, channels, inner } = runsOf({ dims, axis });
  parts.forEach((part, c) => {
    if (inner < SHORT_RUN) {
      for (let row = 0, from = 0, at = c * inner; row < outer; row++, at += channels * inner)
        for (let i = at; i < at + inner; i++) into[i] = part[from++] as number;
      return;
    }
    for (let row = 0; row < outer; row++) {
      into.set(part.subarray(row * inner, (row + 1) * inner), (row * channels + c) * inner);
    }
  });
  return into;
}

/** The channels that share a codebook, block after block: first and end of each. */
export function codebookBlocks(
  channels: number,
  channelsPerCodebook: number | undefined,
): [number, number][] {
  const size = channelsPerCodebook ?? channels;
  const blocks: [number, number][] = [];
  for (let first = 0; first < channels; first += size) {
    blocks.push([first, Math.min(first + size, channels)]);
  }
  return blocks;
}

/** Largest magnitude of some weights; 0 for none. */
export function largestMagnitude(weights: Float32Array): number {
  let largest = 0;
  for (const w of weights) largest = Math.max(largest, Math.abs(w));
  return largest;
}
