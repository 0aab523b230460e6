import { numbersOf } from '../../numerics/nd-array.js';
import { dot } from '../../numerics/symmetric.js';
import type { MetricArray } from '../user-metric.js';
import { againstFloat, bothOf, outputFor, percent, quantizedOf, shown, type Task } from './task.js';

/** Samples among which the nearest is looked for: each is compared with each. */
const MOST_KEPT = 1000;

/** Shorter vectors are rather places, angles, or a few values. */
const LEAST_VALUES = 16;

/** What rounding leaves of a length of 1, float16's too. */
const UNIT_OFF = 2e-3;

/** What Hugging Face's exporters call the vectors of their encoders. */
const KNOWN_NAMES = /^(sentence_embedding|token_embeddings|last_hidden_state|image_embeds|text_embeds)$/;

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
  signs(classes) {
    let name: string | undefined;
    let shape = '';
    const seen = { samples: 0, isUnfit: false, isUnit: true, hasNegative: false };
    return {
      add({ outputs: { float }, samples }) {
        name ??= Object.entries(float).find(([, each]) => isVectors(each))?.[0];
        const array = name === undefined ? undefined : float[name];
        if (!name || !array || classes.has(name) || (array.dims.at(-1) ?? 0) < LEAST_VALUES)
          seen.isUnfit = true;
        if (!name || !array || seen.isUnfit) return;
        shape ||= shown(name, array);
        const width = array.dims.at(-1) as number;
        const values = numbersOf(array);
        seen.hasNegative ||= Array.prototype.some.call(values, (value: number) => value < 0);
        for (let start = 0; seen.isUnit && start < values.length; start += width) {
          const row = Float64Array.from({ length: width }, (_, i) => values[start + i] as number);
          seen.isUnit = Math.abs(Math.sqrt(dot(row, row)) - 1) < UNIT_OFF;
        }
        seen.samples += samples;
      },
      finding() {
        if (seen.isUnfit || !name) return undefined;
        if (KNOWN_NAMES.test(name)) return { evidence: `vectors in ${shape}, by its name`, isSure: true };
        if (!seen.isUnit || !seen.hasNegative) return undefined;
        return { evidence: `vectors of length 1 in ${shape} on ${seen.samples} samples`, isSure: true };
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
