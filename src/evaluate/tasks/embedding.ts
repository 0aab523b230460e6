import { numbersOf } from '../../numerics/nd-array.js';
import { dot } from '../../numerics/symmetric.js';
import type { MetricArray } from '../user-metric.js';
import { againstFloat, bothOf, outputFor, percent, quantizedOf, type Task } from './task.js';

/** Samples among which the nearest is looked for: each is compared with each. */
const MOST_KEPT = 1000;

/** Directions of vectors, and which other sample each is nearest to. */
export const embedding = {
  name: 'embedding',
  summary:
    'vectors of samples: mean_cosine, least_cosine, same_nearest (the nearest other sample is that of float)',
  make() {
    let name: string | undefined;
    const kept = { float: [] as Float64Array[], quantized: [] as Float64Array[] };
    const cosines = { sum: 0, count: 0, least: Number.POSITIVE_INFINITY };
    return {
      add({ outputs, samples }) {
        name ??= outputFor(
          outputs.float,
          isVectors,
          'a vector for each sample, [N, values] or [N, places, values]',
        );
        const [a, b] = bothOf(outputs, name);
        for (let row = 0; row < samples; row++) {
          const [float, quantized] = [unitOf(a, row), unitOf(b, row)];
          const cosine = dot(float, quantized);
          cosines.sum += cosine;
          cosines.count++;
          cosines.least = Math.min(cosines.least, cosine);
          if (kept.float.length === MOST_KEPT) continue;
          kept.float.push(float);
          kept.quantized.push(quantized);
        }
        return undefined;
      },
      result() {
        const [a, b] = [kept.float.map(nearestIn(kept.float)), kept.quantized.map(nearestIn(kept.quantized))];
        const same = a.filter((nearest, i) => nearest === b[i]).length;
        return {
          mean_cosine: againstFloat(cosines.sum / cosines.count),
          least_cosine: againstFloat(cosines.least),
          same_nearest: againstFloat(a.length > 1 ? same / a.length : Number.NaN),
        };
      },
    };
  },
  meaning(numbers) {
    const [nearest] = quantizedOf(numbers, 'same_nearest') ?? [];
    const [mean, least] = quantizedOf(numbers, 'mean_cosine', 'least_cosine') ?? [];
    if (mean === undefined || least === undefined) return undefined;
    const kept = `The vectors keep the direction of float's to a mean cosine of ${mean.toFixed(4)}, the least ${least.toFixed(4)}`;
    return nearest === undefined
      ? `${kept}.`
      : `${kept}; of ${percent(nearest)} of the samples the nearest other one is that of float.`;
  },
} as const satisfies Task;

const isVectors = ({ dims, type }: MetricArray): boolean =>
  /float/.test(type) && (dims.length === 2 || dims.length === 3) && (dims.at(-1) ?? 0) > 1;

/** The vector of a sample, the mean of its places where there are several, of length 1. */
function unitOf({ dims, type, data }: MetricArray, row: number): Float64Array {
  const width = dims.at(-1) as number;
  const places = dims.length === 3 ? (dims[1] as number) : 1;
  const values = numbersOf({ type, data });
  const sum = new Float64Array(width);
  for (let i = 0; i < places * width; i++)
    sum[i % width] = (sum[i % width] as number) + (values[row * places * width + i] as number);
  const norm = Math.sqrt(dot(sum, sum));
  return norm > 0 ? sum.map((value) => value / norm) : sum;
}

const nearestIn = (all: readonly Float64Array[]) => (own: Float64Array, at: number) => {
  let best = { at: -1, cosine: Number.NEGATIVE_INFINITY };
  all.forEach((other, i) => {
    const cosine = i === at ? Number.NEGATIVE_INFINITY : dot(own, other);
    if (cosine > best.cosine) best = { at: i, cosine };
  });
  return best.at;
};
