import { seededRandom } from '../../calibration/sampling.js';
import type { AffineQuantizer } from '../../src/numerics/affine.js';

/** What activations look like, by what makes them. The numbers are random, the same on every run. */
export function activations(count: number): Readonly<Record<string, Float32Array>> {
  const random = seededRandom(11);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const silu = (x: number) => x / (1 + Math.exp(-x));
  const fill = (value: (i: number) => number) => Float32Array.from({ length: count }, (_, i) => value(i));
  return {
    'a Gaussian': fill(normal),
    'half a Gaussian, as after Relu': fill(() => Math.max(normal(), 0)),
    'half a Gaussian below zero': fill(() => Math.min(normal(), 0)),
    'a uniform distribution': fill(() => 2 * random() - 1),
    'a Gaussian with one outlier': fill((i) => (i === 0 ? 60 : normal())),
    'heavy tails': fill(() => normal() * Math.exp(normal())),
    'SiLU, whose minimum is −0.28': fill(() => silu(3 * normal())),
    'a Gaussian that hardly reaches below zero': fill(() => 3 + normal()),
    'a long tail below zero': fill(() => 0.5 - Math.exp(1.5 * normal())),
  };
}

/** Σ (x − x̂)², element by element, x̂ the nearest level of the quantizer. */
export function squaredError(
  values: ArrayLike<number>,
  { scale, zeroPoint, low, high }: AffineQuantizer,
  clipping = 1,
): number {
  const [bottom, top] = [low - zeroPoint, high - zeroPoint];
  let error = 0;
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as number;
    const own = (x - scale * Math.min(Math.max(Math.round(x / scale), bottom), top)) ** 2;
    error += x > top * scale || x < bottom * scale ? clipping * own : own;
  }
  return error;
}

/** Elements of the subset that every (zero point, scale) is tried on. */
const SUBSET = 1000;

/**
 * The least squared error of any (zero point, scale), by trying them: all zero points with scales 2 % apart on an even
 * subset, then the best twenty of them on all elements with scales 0.2 % apart.
 */
export function leastSquaredError(values: Float32Array, bits: number, clipping = 1): number {
  const high = 2 ** bits - 1;
  const sorted = values.toSorted();
  const subset = Float32Array.from(
    { length: SUBSET },
    (_, i) => sorted[Math.floor((i + 0.5) * (values.length / SUBSET))] ?? 0,
  );
  // The largest and the smallest carry the clipping error; one of each stands for its share of the subset.
  const ends = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  const weight = SUBSET / values.length;
  const width = Math.max(...ends, 0) - Math.min(...ends, 0);
  const tried: [error: number, q: AffineQuantizer][] = [];
  for (let zeroPoint = 0; zeroPoint <= high; zeroPoint++) {
    for (let scale = (2 * width) / high; scale > width / high / (bits < 5 ? 100 : 4); scale /= 1.02) {
      const q = { scale, zeroPoint, low: 0, high };
      tried.push([squaredError(subset, q, clipping) + weight * squaredError(ends, q, clipping), q]);
    }
  }
  tried.sort(([a], [b]) => a - b);
  let least = Number.POSITIVE_INFINITY;
  for (const [, q] of tried.slice(0, 20)) {
    for (let step = -8; step <= 8; step++)
      least = Math.min(least, squaredError(values, { ...q, scale: q.scale * 1.002 ** step }, clipping));
  }
  return least;
}
