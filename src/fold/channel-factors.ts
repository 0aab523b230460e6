import type { ChannelMoments } from '../graph/channel-moments.js';
import { eachKernel } from '../graph/linear-layer.js';
import { floatsOf } from '../graph/tensor.js';
import type { Reader } from './channel-group.js';

/** Largest code of an activation, and of a weight at 8 and at 4 bits. */
const ACTIVATION_CODES = 255;
const WEIGHT_CODES = [127, 7] as const;

/** Powers of the activation's size that are tried; the weight's has the rest (Xiao et al. 2023, eq. 4: α). */
const POWERS = [0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1] as const;

/** Factors stay within a hundredth and a hundred times their mean: what is further apart is dead, or an accident. */
const FACTOR_LIMIT = 100;

/** A channel below this part of the largest is dead: its own factor would be noise (pruned channels gave NaN). */
const DEAD_SHARE = 1e-5;

/** A channel's mean ± so many deviations is its size: what some thousand values of a normal one reach. */
const DEVIATIONS = 4;

/** What is known of the channels, and of the weights that read them. */
export interface ChannelSizes {
  /** Largest magnitude of each channel's activation. */
  readonly peaks: Float64Array;
  /** Mean square of each channel's activation. */
  readonly squares: Float64Array;
  /** Whether the activation has both signs. */
  readonly isSigned: boolean;
  /** Σ w² of each channel over all outputs and places. */
  readonly weightSquares: Float64Array;
  /** Largest |w| of each channel. */
  readonly weightPeaks: Float64Array;
  readonly readers: readonly ReaderPeaks[];
}

/** The largest |w| by output and channel that it reads. */
interface ReaderPeaks {
  /** Row-major, [outputs, channels that an output reads]. */
  readonly peaks: Float32Array;
  readonly channelsPerOutput: number;
  /** The first channel that an output reads. */
  readonly firstChannel: (output: number) => number;
  /** Weights for each of them. */
  readonly taps: number;
}

/** Sizes of the channels of a value, from what is known of them without a sample. */
export function channelSizes(
  moments: ChannelMoments,
  readers: readonly Reader[],
  channels: number,
): ChannelSizes {
  const one = moments.mean.length === 1;
  const at = (values: Float64Array, c: number) => values[one ? 0 : c] as number;
  const index = Array.from({ length: channels }, (_, c) => c);
  const reach = (c: number, sign: number) => {
    const end = at(moments.mean, c) + sign * DEVIATIONS * Math.sqrt(at(moments.variance, c));
    return Math.min(Math.max(end, at(moments.low, c)), at(moments.high, c));
  };
  const peaks = Float64Array.from(index, (c) => Math.max(Math.abs(reach(c, -1)), Math.abs(reach(c, 1))));
  const squares = Float64Array.from(index, (c) => at(moments.variance, c) + at(moments.mean, c) ** 2);
  const isSigned = index.some((c) => at(moments.low, c) < 0);
  const weightSquares = new Float64Array(channels);
  const weightPeaks = new Float64Array(channels);
  for (const { layer, repeat } of readers) {
    const values = floatsOf(layer.weight);
    eachKernel(layer, (_, input, start, end) => {
      const c = Math.floor(input / repeat);
      let [sum, peak] = [weightSquares[c] as number, weightPeaks[c] as number];
      for (let i = start; i < end; i++) {
        const size = Math.abs(values[i] as number);
        sum += size * size;
        peak = Math.max(peak, size);
      }
      weightSquares[c] = sum;
      weightPeaks[c] = peak;
    });
  }
  let found: readonly ReaderPeaks[] | undefined;
  return {
    ...{ peaks, squares, isSigned, weightSquares, weightPeaks },
    // Only of groups that could gain are they asked.
    get readers() {
      found ??= readers.map(readerPeaks);
      return found;
    },
  };
}

function readerPeaks({ layer, repeat }: Reader): ReaderPeaks {
  const { outputChannels, groups } = layer;
  const channelsPerOutput = layer.inputChannels / groups / repeat;
  const firstChannel = (output: number) => Math.floor(output / (outputChannels / groups)) * channelsPerOutput;
  const peaks = new Float32Array(outputChannels * channelsPerOutput);
  const values = floatsOf(layer.weight);
  eachKernel(layer, (output, input, start, end) => {
    const at = output * channelsPerOutput + Math.floor(input / repeat) - firstChannel(output);
    let peak = peaks[at] as number;
    for (let i = start; i < end; i++) peak = Math.max(peak, Math.abs(values[i] as number));
    peaks[at] = peak;
  });
  return { peaks, channelsPerOutput, firstChannel, taps: values.length / peaks.length };
}

/**
 * What equal channels could gain at the most, by the activation's step alone: (peak of all)²·Σ w² over Σ (peak·w)², in dB.
 */
export function largestGainDb({
  peaks,
  weightSquares,
}: Pick<ChannelSizes, 'peaks' | 'weightSquares'>): number {
  let [peak, squares, own] = [0, 0, 0];
  peaks.forEach((size, c) => {
    const weight = weightSquares[c] as number;
    peak = Math.max(peak, size);
    squares += weight;
    own += size * size * weight;
  });
  return own > 0 ? 10 * Math.log10((peak * peak * squares) / own) : 0;
}

/**
 * Expected squared error that quantizing adds to what the readers give, one scale for the activation, one for each
 * output of the weights: step_x²/12·Σ w² + Σ step_w²/12·Σ x².
 *
 * @param weightCodes - largest code of a weight
 */
function predictedError(
  { peaks, squares, isSigned, weightSquares, readers }: ChannelSizes,
  factors: Float64Array,
  weightCodes: number,
): number {
  let [peak, weighted] = [0, 0];
  for (let c = 0; c < factors.length; c++) {
    const factor = factors[c] as number;
    peak = Math.max(peak, (peaks[c] as number) / factor);
    weighted += (weightSquares[c] as number) * factor ** 2;
  }
  const step = ((isSigned ? 2 : 1) * peak) / ACTIVATION_CODES;
  let error = ((step * step) / 12) * weighted;
  for (const { peaks: largest, channelsPerOutput, firstChannel, taps } of readers) {
    for (let start = 0; start < largest.length; start += channelsPerOutput) {
      const first = firstChannel(start / channelsPerOutput);
      let [top, energy] = [0, 0];
      for (let i = 0; i < channelsPerOutput; i++) {
        const factor = factors[first + i] as number;
        top = Math.max(top, (largest[start + i] as number) * factor);
        energy += (squares[first + i] as number) / factor ** 2;
      }
      error += ((top / weightCodes) ** 2 / 12) * energy * taps;
    }
  }
  return error;
}

/** How factors are chosen. */
export interface FactorRules {
  /** Whether a channel may grow beyond the middle one, or only shrink to it. */
  readonly growth: 'both ways' | 'shrinking';
  /** Powers of two leave every bit of the float function as it is; real factors even the ranges out fully. */
  readonly values: 'real' | 'powers of two';
}

/** What factors gain by the prediction, in dB: the mean of that with weights of 8 bits and of 4. */
export function gainDb(sizes: ChannelSizes, factors: Float64Array): number {
  const none = sizes.peaks.map(() => 1);
  const gains = WEIGHT_CODES.map(
    (codes) => 10 * Math.log10(predictedError(sizes, none, codes) / predictedError(sizes, factors, codes)),
  );
  return gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
}

/**
 * The factors that the prediction likes best: s = peak(x)^α / peak(w)^(1−α) for some α (Xiao et al. 2023, eq. 4; α = ½ is
 * the equalization of Nagel et al. 2019, eq. 11), 1 for the middle channel.
 *
 * @returns undefined where no factors are better than none
 */
export function bestFactors(sizes: ChannelSizes, rules: FactorRules): Float64Array | undefined {
  let [best, gain] = [undefined as Float64Array | undefined, 0];
  for (const power of POWERS) {
    const factors = factorsOf(sizes, power, rules);
    const own = gainDb(sizes, factors);
    if (own > gain) [best, gain] = [factors, own];
  }
  return best;
}

function factorsOf(
  { peaks, weightPeaks }: ChannelSizes,
  power: number,
  { growth, values }: FactorRules,
): Float64Array {
  const isDead = deadOf(peaks, weightPeaks);
  const logs = Array.from(peaks, (peak, c) =>
    isDead(c) ? undefined : power * Math.log2(peak) - (1 - power) * Math.log2(weightPeaks[c] as number),
  );
  const alive = logs.filter((log) => log !== undefined).sort((a, b) => a - b);
  const middle = alive[Math.floor(alive.length / 2)] ?? 0;
  const limit = Math.log2(FACTOR_LIMIT);
  return Float64Array.from(logs, (log) => {
    if (log === undefined) return 1;
    const least = growth === 'both ways' ? -limit : 0;
    const exponent = Math.min(Math.max(log - middle, least), limit);
    return 2 ** (values === 'real' ? exponent : Math.round(exponent));
  });
}

function deadOf(peaks: Float64Array, weightPeaks: Float64Array): (channel: number) => boolean {
  const most = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b), 0);
  const [peak, weight] = [most(peaks), most(weightPeaks)];
  return (c) =>
    !((peaks[c] as number) > DEAD_SHARE * peak && (weightPeaks[c] as number) > DEAD_SHARE * weight);
}
