import type { BatchNormMoments } from './model.js';

/** What is known of a value without data, one entry a channel, or one for all. */
export interface ChannelMoments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** Ends of the range. */
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** A range reaches this many standard deviations from the mean (Nagel et al. 2019, §5.2: n = 6). */
const RANGE_DEVIATIONS = 6;

/** Points of a normal distribution that functions are integrated over: an eighth of a deviation apart. */
const points = Array.from({ length: 97 }, (_, i) => (i - 48) / 8);
const total = points.reduce((sum, z) => sum + Math.exp((-z * z) / 2), 0);
const weights = points.map((z) => Math.exp((-z * z) / 2) / total);

/** Output of a BatchNormalization: mean β, standard deviation |γ|, range β ± 6|γ| (Nagel et al. 2019, §5.2). */
export function momentsOfBatchNorm({ beta, gamma }: BatchNormMoments): ChannelMoments {
  return normal(
    Float64Array.from(beta),
    Float64Array.from(gamma, (g) => g * g),
  );
}

/** A normal distribution a channel. */
export function normal(mean: Float64Array, variance: Float64Array): ChannelMoments {
  const reach = (sign: number) =>
    mean.map((m, c) => m + sign * RANGE_DEVIATIONS * Math.sqrt(variance[c] as number));
  return { mean, variance, low: reach(-1), high: reach(1) };
}

/** Values spread evenly over a range: a model's input, of which no more is known. */
export function even(low: Float64Array, high: Float64Array): ChannelMoments {
  return {
    mean: low.map((l, c) => (l + (high[c] as number)) / 2),
    variance: low.map((l, c) => ((high[c] as number) - l) ** 2 / 12),
    low,
    high,
  };
}

/** Values known one by one, each as a channel. */
export function constant(values: ArrayLike<number>): ChannelMoments {
  const exact = Float64Array.from(values);
  return { mean: exact, variance: new Float64Array(exact.length), low: exact, high: exact };
}

/** All channels as one. */
export function pooled({ mean, variance, low, high }: ChannelMoments): ChannelMoments {
  if (mean.length === 1) return { mean, variance, low, high };
  const average = (values: Float64Array) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const center = average(mean);
  const squares = average(variance.map((v, c) => v + (mean[c] as number) ** 2));
  return {
    mean: Float64Array.of(center),
    variance: Float64Array.of(Math.max(squares - center ** 2, 0)),
    low: Float64Array.of(low.reduce((a, b) => Math.min(a, b))),
    high: Float64Array.of(high.reduce((a, b) => Math.max(a, b))),
  };
}

/** The same with `channels` entries: one for all is repeated; where channels were flattened, each serves its block. */
export function expanded(moments: ChannelMoments, channels: number): ChannelMoments {
  const own = moments.mean.length;
  if (own === channels) return moments;
  const from = channels % own === 0 ? moments : pooled(moments);
  const block = channels / from.mean.length;
  const spread = (values: Float64Array) =>
    Float64Array.from({ length: channels }, (_, c) => values[Math.floor(c / block)] as number);
  return {
    mean: spread(from.mean),
    variance: spread(from.variance),
    low: spread(from.low),
    high: spread(from.high),
  };
}

/** Two values with as many channels each: those of the longer, or one where they do not go together. */
function aligned(a: ChannelMoments, b: ChannelMoments): [ChannelMoments, ChannelMoments] {
  const [one, other] = [a.mean.length, b.mean.length];
  if (one === other) return [a, b];
  if (one === 1) return [expanded(a, other), b];
  if (other === 1) return [a, expanded(b, one)];
  return [pooled(a), pooled(b)];
}

/** A function of every element, the values taken as normal and cut off at their range. */
export function mapped(moments: ChannelMoments, f: (x: number) => number): ChannelMoments {
  const channels = moments.mean.length;
  const make = () => new Float64Array(channels);
  const result = { mean: make(), variance: make(), low: make(), high: make() };
  for (let c = 0; c < channels; c++) {
    const [low, high] = [moments.low[c] as number, moments.high[c] as number];
    const deviation = Math.sqrt(moments.variance[c] as number);
    const images = points.map((z) =>
      f(Math.min(Math.max((moments.mean[c] as number) + deviation * z, low), high)),
    );
    const mean = images.reduce((sum, y, i) => sum + y * (weights[i] as number), 0);
    const ends = [...images, f(low), f(high)];
    result.mean[c] = mean;
    result.variance[c] = images.reduce((sum, y, i) => sum + (y - mean) ** 2 * (weights[i] as number), 0);
    result.low[c] = Math.min(...ends);
    result.high[c] = Math.max(...ends);
  }
  return result;
}

/** Sum of two values taken as independent; the range is the narrower of the ends' sum and six deviations. */
export function sum(a: ChannelMoments, b: ChannelMoments): ChannelMoments {
  const [x, y] = aligned(a, b);
  const add = (of: keyof ChannelMoments) => x[of].map((value, c) => value + (y[of][c] as number));
  return within(normal(add('mean'), add('variance')), add('low'), add('high'));
}

/** Product of two values taken as independent. */
export function product(a: ChannelMoments, b: ChannelMoments): ChannelMoments {
  const [x, y] = aligned(a, b);
  const corners = (c: number) =>
    [x.low, x.high].flatMap((p) => [y.low, y.high].map((q) => (p[c] as number) * (q[c] as number)));
  const low = x.mean.map((_, c) => Math.min(...corners(c)));
  const high = x.mean.map((_, c) => Math.max(...corners(c)));
  const mean = x.mean.map((m, c) => m * (y.mean[c] as number));
  const variance = mean.map((m, c) => {
    const squareOf = (moments: ChannelMoments) =>
      (moments.variance[c] as number) + (moments.mean[c] as number) ** 2;
    return Math.max(squareOf(x) * squareOf(y) - m * m, 0);
  });
  // A product of normals has heavier tails than a normal: the ends alone bound it.
  return { mean, variance, low, high };
}

/** Channels one after the other. */
export function concatenated(parts: readonly ChannelMoments[]): ChannelMoments {
  const join = (of: keyof ChannelMoments) => Float64Array.from(parts.flatMap((part) => [...part[of]]));
  return { mean: join('mean'), variance: join('variance'), low: join('low'), high: join('high') };
}

function within(moments: ChannelMoments, low: Float64Array, high: Float64Array): ChannelMoments {
  return {
    ...moments,
    low: moments.low.map((value, c) => Math.max(value, low[c] as number)),
    high: moments.high.map((value, c) => Math.min(value, high[c] as number)),
  };
}
