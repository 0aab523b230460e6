import { describe, expect, it } from 'vitest';
import { ErrorMeter } from '../../src/evaluate/error-quantiles.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { randomFloats } from '../support/graph-builder.js';

const row = (data: Float32Array): NdArray => ({ type: 'float32', dims: [1, data.length], data });
const one = { size: 1, samples: 1 };

describe('quantiles of the error', () => {
  it('are those of the sorted errors, to within the width of a bin', () => {
    const meter = new ErrorMeter();
    const errors: number[] = [];
    for (const seed of [1, 2, 3]) {
      const a = randomFloats(4000, seed);
      const noise = randomFloats(4000, seed + 10);
      const b = a.map((value, i) => value + (noise[i] as number) ** 3);
      a.forEach((value, i) => {
        errors.push(Math.abs(Math.fround(value) - (b[i] as number)));
      });
      meter.add(row(a), row(b), one);
    }
    errors.sort((x, y) => x - y);
    const { quantiles } = meter;
    for (const [name, share] of [
      ['p50', 0.5],
      ['p90', 0.9],
      ['p99', 0.99],
      ['p999', 0.999],
    ] as const) {
      const exact = errors[Math.ceil(share * errors.length) - 1] as number;
      expect(Math.abs((quantiles?.[name] ?? 0) / exact - 1)).toBeLessThan(0.01);
    }
  });

  it('of identical outputs are 0', () => {
    const meter = new ErrorMeter();
    const a = randomFloats(10, 1);
    meter.add(row(a), row(a), one);
    expect(meter.quantiles).toEqual({ p50: 0, p90: 0, p99: 0, p999: 0 });
  });

  it('leave out what is not finite, copies that fill a batch, integers and other shapes', () => {
    const meter = new ErrorMeter();
    expect(meter.quantiles).toBeNull();
    const integers: NdArray = { type: 'int32', dims: [1, 2], data: Int32Array.of(1, 2) };
    meter.add(integers, integers, one);
    meter.add(row(Float32Array.of(1)), row(Float32Array.of(1, 2)), one);
    expect(meter.quantiles).toBeNull();
    const dims = [2, 2];
    meter.add(
      { type: 'float32', dims, data: Float32Array.of(1, 2, 0, 0) },
      { type: 'float32', dims, data: Float32Array.of(1.5, Number.NaN, 100, 100) },
      { size: 2, samples: 1 },
    );
    expect(meter.quantiles?.p999).toBe(0.5);
  });
});
