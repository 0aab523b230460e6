import { magnitudesBySign } from '../../numerics/magnitudes-by-sign.js';
import { leastSquaresScale } from './scale-search.js';
import { anyWidth, type Scheme } from './scheme.js';
import { type CodeRange, quantizeUniform } from './uniform.js';

/**
 * Uniform, symmetric about 0, the scale of least squared error Σ(w − s·q)² for each channel or the tensor: exact, but
 * for its rounding to float32. Codes are −2^(bits−1) … 2^(bits−1) − 1, at 8 bits without −128: no scale is worse for a
 * level more.
 */
export const mse: Scheme = {
  name: 'mse',
  summary: 'symmetric, the scale of least squared error',
  widths: anyWidth,
  quantize: (request) => quantizeUniform(request, uniformScale),
};

/** The scale of least squared error of uniform codes. */
export function uniformScale(weights: Float32Array, { low, high }: CodeRange, least: number): number {
  const { negative, others } = magnitudesBySign(weights);
  return leastSquaresScale(
    [
      { magnitudes: negative, ...gridOf(-low) },
      { magnitudes: others, ...gridOf(high) },
    ],
    least,
  );
}

interface UniformGrid {
  readonly levels: readonly number[];
  readonly thresholds: readonly number[];
}

const grids = new Map<number, UniformGrid>();

/** Levels 1 to `top`, each from half a step below it; made once. */
function gridOf(top: number): UniformGrid {
  const known = grids.get(top);
  if (known) return known;
  const levels = Array.from({ length: top }, (_, k) => k + 1);
  const grid = { levels, thresholds: levels.map((level) => level - 0.5) };
  grids.set(top, grid);
  return grid;
}
