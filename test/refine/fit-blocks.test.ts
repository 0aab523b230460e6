import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../calibration/sampling.js';
import { quantizeBlocks } from '../../src/quantize/blocks.js';
import { type BlockTensor, dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import { fitBlocks } from '../../src/refine/fit-blocks.js';
import { dampedHessian, type Hessian } from '../../src/refine/hessian.js';

const [ROWS, COLUMNS, SIZE] = [11, 40, 16];

/** A matrix of 11 outputs and 40 inputs in blocks of 16, the last of them short, and H of inputs that go together. */
function problem(bits: number, asymmetric: boolean, seed = 7) {
  const random = seededRandom(seed);
  const normal = () => random() + random() + random() - 1.5;
  const values = Float32Array.from({ length: ROWS * COLUMNS }, normal);
  const h = new Float64Array(COLUMNS * COLUMNS);
  for (let sample = 0; sample < 60; sample++) {
    const common = normal();
    const x = Float64Array.from({ length: COLUMNS }, (_, k) => (k % 5) * (normal() + 2 * common));
    for (let i = 0; i < COLUMNS; i++)
      for (let j = 0; j < COLUMNS; j++)
        h[i * COLUMNS + j] = at(h, i * COLUMNS + j) + (at(x, i) * at(x, j)) / 60;
  }
  const hessian = dampedHessian(h, COLUMNS) as Hessian;
  const form = { dims: [ROWS, COLUMNS], axis: 0, bits, scheme: 'mse', size: SIZE, asymmetric };
  const weight = quantizeBlocks({ values, ...form });
  return { weight, targets: Float64Array.from(values), hessian };
}

const at = (values: ArrayLike<number>, index: number) => values[index] as number;

/** Σ over the rows of (q − t)·H·(q − t)ᵀ, as it is written. */
function errorOf(weight: BlockTensor, targets: Float64Array, { matrix }: Hessian): number {
  const values = dequantizeTensor(weight);
  let sum = 0;
  for (let r = 0; r < ROWS; r++)
    for (let i = 0; i < COLUMNS; i++)
      for (let j = 0; j < COLUMNS; j++) {
        const [a, b] = [r * COLUMNS + i, r * COLUMNS + j];
        const [left, right] = [at(values, a) - at(targets, a), at(values, b) - at(targets, b)];
        sum += left * at(matrix, i * COLUMNS + j) * right;
      }
  return sum;
}

describe('a weight in blocks', () => {
  it.each([
    [4, false],
    [4, true],
    [2, false],
    [2, true],
  ])(
    'of %i bits, asymmetric %s: the errors told are those of what is stored, and fall by half',
    (bits, asymmetric) => {
      const { weight, targets, hessian } = problem(bits, asymmetric);
      const fitted = fitBlocks({ weight, targets, hessian });
      expect(fitted.before).toBeCloseTo(errorOf(weight, targets, hessian), 4);
      expect(fitted.after).toBeCloseTo(errorOf(fitted.weight, targets, hessian), 4);
      expect(fitted.after).toBeLessThan(fitted.before / 2);
      expect(fitted.weight.zeroPoints).toEqual(weight.zeroPoints);
    },
  );

  it('keeps codes within its width, scales above zero, and what lies behind the last column', () => {
    const { weight, targets, hessian } = problem(4, false);
    const { weight: fitted } = fitBlocks({ weight, targets, hessian });
    expect(Math.max(...fitted.codes)).toBeLessThanOrEqual(15);
    expect(fitted.scales.every((scale) => scale > 0 && Math.fround(scale) === scale)).toBe(true);
    const behind = (codes: Uint8Array) => codes.filter((_, i) => i % (3 * SIZE) >= COLUMNS);
    expect(behind(fitted.codes)).toEqual(behind(weight.codes));
  });

  it('has the scales of least error for its codes: none of them moved either way is better', () => {
    const { weight, targets, hessian } = problem(4, false);
    const { weight: fitted } = fitBlocks({ weight, targets, hessian });
    const own = errorOf(fitted, targets, hessian);
    // The codes were chosen at these scales, which are those of the codes before: within a hundredth of their best.
    for (const index of [0, 4, 17, 32])
      for (const factor of [0.97, 1.03]) {
        const scales = fitted.scales.slice();
        scales[index] = at(scales, index) * factor;
        expect(errorOf({ ...fitted, scales }, targets, hessian)).toBeGreaterThan(own * 0.995);
      }
  });

  it('chooses its scales anew with the codes: the error falls by more than a tenth', () => {
    const { weight, targets, hessian } = problem(2, false);
    const codesAlone = fitBlocks({ weight, targets, hessian, refits: 0 });
    expect(codesAlone.weight.scales).toEqual(weight.scales);
    const fitted = fitBlocks({ weight, targets, hessian });
    expect(fitted.after).toBeLessThan(0.9 * codesAlone.after);
  });

  it('that is its target already keeps its codes', () => {
    const { weight, hessian } = problem(4, true);
    const targets = Float64Array.from(dequantizeTensor(weight));
    const fitted = fitBlocks({ weight, targets, hessian });
    expect(fitted.weight.codes).toEqual(weight.codes);
    expect(fitted.before).toBeCloseTo(0, 12);
  });
});
