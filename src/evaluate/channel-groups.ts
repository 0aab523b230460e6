import { elementCount, type NdArray } from '../numerics/nd-array.js';
import { sqnrOf } from './sqnr.js';

/** Channels of one output that are of one size, where others beside them are of another: boxes, and their scores. */
export interface ChannelGroup {
  /** The axis that the channels run along. */
  readonly axis: number;
  /** Their numbers, from 0, as "4-11" or "2,5,8". */
  readonly channels: string;
  /** Range of the float values. */
  readonly min: number;
  readonly max: number;
  /** As of a drift; null where nothing differs. */
  readonly sqnrDb: number | null;
}

/** Channels are grouped where the largest is so many times the smallest: the smallest has 8 of 255 steps then. */
const FAR_APART = 30;
/** Two sizes in a row, of channels sorted by size, that are so far apart belong to two groups. */
const GAP = 8;
/** Two steps of float32, relative to the value: what sums of a few such values round away. */
const LAST_DIGIT = 2 ** -22;
/** Axes longer than this are places or words, no channels. */
const MOST_CHANNELS = 1024;

/** What is summed up of one channel. */
interface ChannelSums {
  signal: number;
  noise: number;
  min: number;
  max: number;
}

/** Sums up signal and noise channel by channel, along the axes that could be that of channels. */
export class ChannelMeter {
  readonly #axes = new Map<number, ChannelSums[]>();

  /**
   * @param classAxis - an axis of classes, which belong together whatever their scores are
   * @param a - the float elements of the samples that count
   * @param b - the quantized ones
   */
  add(
    { dims }: Pick<NdArray, 'dims'>,
    classAxis: number | undefined,
    a: ArrayLike<number>,
    b: ArrayLike<number>,
  ): void {
    for (const axis of new Set([1, dims.length - 1])) {
      const length = dims[axis] ?? 0;
      if (axis < 1 || axis >= dims.length || axis === classAxis) continue;
      if (length < 2 || length > MOST_CHANNELS) continue;
      const sums = this.#axes.get(axis) ?? [];
      this.#axes.set(axis, sums);
      while (sums.length < length)
        sums.push({ signal: 0, noise: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY });
      const inner = elementCount(dims.slice(axis + 1));
      for (let i = 0, channel = 0; i < a.length; channel = (channel + 1) % length) {
        const sum = sums[channel] as ChannelSums;
        for (const end = i + inner; i < end; i++) addTo(sum, a[i] as number, b[i] as number);
      }
    }
  }

  /** The groups along the axis where one is furthest from float, the worst group first; none where all are of a size. */
  get groups(): ChannelGroup[] {
    const all = [...this.#axes].map(([axis, sums]) => groupsAlong(axis, sums));
    const [worst = []] = all.filter(({ length }) => length > 0).sort((a, b) => dbOf(a[0]) - dbOf(b[0]));
    return worst;
  }
}

function addTo(sum: ChannelSums, x: number, y: number): void {
  if (!Number.isFinite(x) || !Number.isFinite(y)) return;
  sum.signal += x * x;
  sum.noise += (x - y) ** 2;
  if (x < sum.min) sum.min = x;
  if (x > sum.max) sum.max = x;
}

const dbOf = (group: ChannelGroup | undefined): number => group?.sqnrDb ?? Number.POSITIVE_INFINITY;

const reachOf = ({ min, max }: ChannelSums): number => Math.max(-min, max);

function groupsAlong(axis: number, sums: readonly ChannelSums[]): ChannelGroup[] {
  // Channels of zeros have no size, nor those that are less than the last digit of the largest.
  const least = Math.max(...sums.map(reachOf)) * LAST_DIGIT;
  const sized = sums.flatMap((sum, channel) =>
    reachOf(sum) > least ? [{ channel, reach: reachOf(sum) }] : [],
  );
  sized.sort((a, b) => a.reach - b.reach);
  const [smallest, largest] = [sized[0], sized.at(-1)];
  if (!smallest || !largest || largest.reach <= FAR_APART * smallest.reach) return [];
  const members: number[][] = [];
  sized.forEach(({ channel, reach }, i) => {
    const before = sized[i - 1];
    if (before && reach <= GAP * before.reach) members.at(-1)?.push(channel);
    else members.push([channel]);
  });
  if (members.length < 2) return [];
  return members
    .map((channels): ChannelGroup => {
      const own = channels.map((channel) => sums[channel] as ChannelSums);
      const [signal, noise] = (['signal', 'noise'] as const).map((key) =>
        own.reduce((total, sum) => total + sum[key], 0),
      ) as [number, number];
      return {
        axis,
        channels: rangesOf(channels),
        min: Math.min(...own.map(({ min }) => min)),
        max: Math.max(...own.map(({ max }) => max)),
        sqnrDb: sqnrOf(signal, noise),
      };
    })
    .sort((a, b) => dbOf(a) - dbOf(b));
}

/** Numbers in order, those that follow one another as "4-11". */
function rangesOf(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const each of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && each === last[1] + 1) last[1] = each;
    else runs.push([each, each]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}
