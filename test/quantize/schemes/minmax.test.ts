import { describe, expect, it } from 'vitest';
import { type AffineTensor, dequantizeTensor } from '../../../src/quantize/quantized-tensor.js';
import { minmax } from '../../../src/quantize/schemes/minmax.js';
import type { WeightRequest } from '../../../src/quantize/schemes/scheme.js';
import { randomFloats } from '../../support/graph-builder.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';

function quantize(values: ArrayLike<number>, dims: readonly number[], options: Partial<WeightRequest> = {}) {
  const axis = options.axis;
  const scaleFloor = new Float32Array(axis === undefined ? 1 : (dims[axis] ?? 1));
  const request = {
    values: Float32Array.from(values),
    dims,
    bits: 8,
    axis,
    channelsPerCodebook: undefined,
    limit: 127,
    scaleFloor,
    ...options,
  };
  return minmax.quantize(request) as AffineTensor;
}

const table = [1, -2, 3, -4, 5, 12.7];

describe('minmax', () => {
  it('has one scale for the tensor, by hand', () => {
    const { codes, scales } = quantize(table, [2, 3]);
    expect([...scales]).toEqual([Math.fround(0.1)]);
    expect([...codes]).toEqual([10, -20, 30, -40, 50, 127]);
  });

  it('has one scale a row, or one a column, by hand', () => {
    const rows = quantize(table, [2, 3], { axis: 0, bits: 3 });
    expect([...rows.scales]).toEqual([1, Math.fround(12.7 / 3)]);
    // Row 2 in steps of 4.2333: −0.94, 1.18, 3.
    expect([...rows.codes]).toEqual([1, -2, 3, -1, 1, 3]);
    const columns = quantize(table, [2, 3], { axis: 1, bits: 3 });
    expect([...columns.scales]).toEqual([4 / 3, 5 / 3, 12.7 / 3].map(Math.fround));
    // 1/1.333 = 0.75, −2/1.667 = −1.2, 3/4.233 = 0.71.
    expect([...columns.codes]).toEqual([1, -1, 1, -3, 3, 3]);
  });

  it.each([2, 3, 4, 5, 6, 7, 8])('stays within ±(2^(b−1) − 1) in %i bits, and reaches it', (bits) => {
    const top = 2 ** (bits - 1) - 1;
    for (const axis of [undefined, 0, 1, 2]) {
      const dims = [3, 4, 5];
      const { codes, scales } = quantize(randomFloats(60, 1), dims, { bits, axis });
      expect(scales).toHaveLength(axis === undefined ? 1 : (dims[axis] as number));
      const reached = new Array<number>(scales.length).fill(0);
      codes.forEach((code, i) => {
        const at = [Math.floor(i / 20), Math.floor(i / 5) % 4, i % 5];
        const c = axis === undefined ? 0 : (at[axis] as number);
        reached[c] = Math.max(reached[c] as number, Math.abs(code));
      });
      expect(new Set(reached)).toEqual(new Set([top]));
    }
  });

  it('halves the range where it is told to, 8 bits only', () => {
    expect([...quantize([6.3, -6.3, 0.1], [3], { limit: 63 }).codes]).toEqual([63, -63, 1]);
    expect(quantize([6.3, -6.3, 0.1], [3], { limit: 63 }).scales[0]).toBe(Math.fround(Math.fround(6.3) / 63));
    expect([...quantize([7, -7, 1], [3], { limit: 63, bits: 4 }).codes]).toEqual([7, -7, 1]);
  });

  it('keeps to the smallest scale that is allowed', () => {
    const floor = Float32Array.of(0.5, 0.001);
    const { codes, scales } = quantize([1, -1, 1, -1], [2, 2], { axis: 0, scaleFloor: floor });
    expect([...scales]).toEqual([0.5, Math.fround(1 / 127)]);
    expect([...codes]).toEqual([2, -2, 127, -127]);
  });

  it('has a step above zero where all is zero', () => {
    const { codes, scales } = quantize([0, -0, 3, 1.5], [2, 2], { axis: 0 });
    expect([...codes]).toEqual([0, 0, 127, 64]);
    expect(scales[0]).toBe(2 ** -126);
  });

  it('rounds half to even, dividing by the scale as it is stored', () => {
    // 127 makes the step 1.
    const ties = [127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5];
    expect([...quantize(ties, [7]).codes]).toEqual([127, 0, 2, 2, 0, -2, -2]);
    // Half of the stored step is exactly a tie, which the unrounded max/127 would put just above or below.
    for (const most of [0.1, 0.3, 0.7, 1.1, 3.3]) {
      const scale = Math.fround(Math.fround(most) / 127);
      const { codes } = quantize([most, 0.5 * scale, 1.5 * scale, 2.5 * scale], [4]);
      // In float32 1.5 and 2.5 times a step may be rounded themselves: only exact products count.
      [0.5, 1.5, 2.5].forEach((steps, i) => {
        if (Math.fround(steps * scale) === steps * scale) expect(codes[i + 1]).toBe([0, 2, 2][i]);
      });
    }
  });

  it('is off by half a step at most, and by less with more bits', () => {
    forSeeds(20, (random, seed) => {
      const dims = [anyInteger(random, 1, 6), anyInteger(random, 1, 40)];
      const values = randomFloats((dims[0] as number) * (dims[1] as number), seed);
      let before = Number.POSITIVE_INFINITY;
      for (let bits = 2; bits <= 8; bits++) {
        const tensor = quantize(values, dims, { bits, axis: 0 });
        const stored = dequantizeTensor(tensor);
        let error = 0;
        values.forEach((w, i) => {
          const scale = tensor.scales[Math.floor(i / (dims[1] as number))] as number;
          const off = Math.abs(w - (stored[i] as number));
          expect(off).toBeLessThanOrEqual(scale * 0.5001);
          error = Math.max(error, off);
        });
        if (values.length > 20) expect(error).toBeLessThan(before);
        before = error;
      }
    });
  });
});
