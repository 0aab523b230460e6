import type { BatchNormMoments } from '../graph/model.js';
import type { Affine, BatchNorm } from './affine.js';

/** A range reaches so far from a channel's mean: what a sample of some thousand values of a normal one does. */
const DEVIATIONS = 4;

/** Steps of a uint8 range. */
const STEPS = 255;

/** From here on 8 bits hold every channel well enough, whatever another form would: an error of a thirtieth. */
const ENOUGH_DB = 30;

/** What one form must be better by to count: a bit of every channel. */
const ONE_BIT_DB = 6;

/**
 * Whether one uint8 range for all channels of what an affine node reads would lose channels that one for what it makes
 * would keep. What it reads is known from BatchNormalization; constants are taken to do what such a node does: to make
 * mean 0 and deviation 1 of each channel; one that only shifts says nothing of the deviation, and loses nothing.
 */
export function losesChannels(affine: Affine): boolean {
  if (!('seen' in affine) && affine.scale.every((scale) => scale === 1)) return false;
  const isKept = [...affine.scale].map((scale) => scale !== 0);
  const after = affine.momentsFrom(undefined) ?? standard(affine.scale.length);
  const before = 'seen' in affine ? (affine as BatchNorm).seen : beforeOf(affine);
  const [own, other] = [before, after].map((moments) =>
    sharedRangeDb(moments, (c) => (isKept[c] ? deviationOf(after, c) / deviationOf(moments, c) : 0)),
  ) as [number, number];
  return own < ENOUGH_DB && own < other - ONE_BIT_DB;
}

const standard = (channels: number): BatchNormMoments => ({
  beta: new Float32Array(channels),
  gamma: new Float32Array(channels).fill(1),
});

function beforeOf({ scale, shift }: Affine): BatchNormMoments {
  return {
    beta: Float32Array.from(scale, (s, c) => (s === 0 ? 0 : -(shift[c] ?? 0) / s)),
    gamma: Float32Array.from(scale, (s) => (s === 0 ? 0 : Math.abs(1 / s))),
  };
}

const deviationOf = ({ gamma }: BatchNormMoments, c: number): number => gamma[c] || Number.POSITIVE_INFINITY;

/**
 * SQNR, in dB, of normal channels that share the uint8 grid of their common range, as it is once each channel is
 * multiplied by its weight: Σ(w·σ)² over Σ(w·step)²/12.
 *
 * @param weightOf - of each channel; 0 leaves it out
 */
export function sharedRangeDb(
  { beta, gamma }: BatchNormMoments,
  weightOf: (channel: number) => number,
): number {
  let [low, high, signal, weights] = [0, 0, 0, 0];
  gamma.forEach((deviation, c) => {
    const weight = weightOf(c);
    if (weight === 0 || deviation === 0) return;
    const mean = beta[c] ?? 0;
    low = Math.min(low, mean - DEVIATIONS * deviation);
    high = Math.max(high, mean + DEVIATIONS * deviation);
    signal += (weight * deviation) ** 2;
    weights += weight ** 2;
  });
  const noise = (((high - low) / STEPS) ** 2 / 12) * weights;
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}
