import { describe, expect, it } from 'vitest';
import { TensorStatistics } from '../../calibration/statistics.js';
import { saturatedShare } from '../../src/evaluate/saturation.js';

function statisticsOf(...values: number[]): TensorStatistics {
  const statistics = new TensorStatistics();
  statistics.add(Float32Array.from(values));
  return statistics;
}

// Levels −2, −1, 0, 1: what rounds to them lies from −2.5 to 1.5.
const grid = { scale: 1, zeroPoint: 2, low: 0, high: 3 };

describe('the share of elements that saturate', () => {
  it('counts those beyond the outermost levels by more than half a step', () => {
    const seen = statisticsOf(-4, -2.25, -1, 0, 0.5, 1.25, 2, 8);
    expect(saturatedShare(seen, { kind: 'affine', grid })).toBeCloseTo(3 / 8, 10);
  });

  it('is 0 where the range holds all of them, to the last', () => {
    expect(saturatedShare(statisticsOf(-2.5, 0, 1.5), { kind: 'affine', grid })).toBe(0);
    expect(saturatedShare(new TensorStatistics(), { kind: 'affine', grid })).toBe(0);
  });

  it('is that of the codes that a table gives', () => {
    const table = Uint8Array.from({ length: 256 }, (_, code) => Math.min(2, Math.max(1, code)));
    // Levels −1 and 0 alone.
    const seen = statisticsOf(-4, -2, -1, 0, 0.25, 1, 2, 8);
    expect(saturatedShare(seen, { kind: 'lut', grid, table })).toBeCloseTo(5 / 8, 10);
  });
});
