import type { Steps } from './steps.js';

/** A value brought to mean 0 and variance 1 along axes: (x − μ)/√(σ² + ε). */
export interface Normalized {
  readonly value: string;
  /** 1/√(σ² + ε). */
  readonly inverse: string;
}

/** @param centred - whether the mean is taken off (RMS normalization leaves it) */
export function normalize(
  steps: Steps,
  x: string,
  dims: readonly number[],
  axes: readonly number[],
  epsilon: number,
  centred = true,
): Normalized {
  const middle = centred ? steps.sub(x, steps.mean(x, dims, axes)) : x;
  const variance = steps.mean(steps.mul(middle, middle), dims, axes);
  const deviation = steps.op('Sqrt', [steps.add(variance, steps.scalar(epsilon))]);
  const inverse = steps.op('Reciprocal', [deviation]);
  return { value: steps.mul(middle, inverse), inverse };
}

/**
 * The gradient by x of a normalization, from that by the normalized value z: (g − mean g − z·mean(g·z))/σ, without
 * mean g where the mean was left.
 */
export function normalizationGradient(
  steps: Steps,
  gradient: string,
  { value, inverse }: Normalized,
  dims: readonly number[],
  axes: readonly number[],
  centred = true,
): string {
  const along = steps.mul(value, steps.mean(steps.mul(gradient, value), dims, axes));
  const rest = steps.sub(gradient, along);
  const middle = centred ? steps.sub(rest, steps.mean(gradient, dims, axes)) : rest;
  return steps.mul(middle, inverse);
}

/** The axes from one, which may be counted from the end, to the last. */
export function axesFrom(axis: number, rank: number): number[] {
  const first = axis < 0 ? axis + rank : axis;
  return Array.from({ length: rank - first }, (_, at) => first + at);
}
