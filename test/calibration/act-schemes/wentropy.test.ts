import { describe, expect, it } from 'vitest';
import { bestLevels, cumulated, logHistogram, wentropy } from '../../../calibration/act-schemes/wentropy.js';
import { levelCount } from '../../../src/numerics/activation.js';
import { activations } from '../../support/activations.js';
import { dequantizeActivation } from '../../support/dequantize-activation.js';
import { statisticsOf } from '../../support/statistics.js';

/** −Σ level·P·log P by its definition, element by element. */
function weightedEntropy(bins: readonly number[], fsr: number, step: number, levels: number): number {
  const counts = new Array<number>(levels).fill(0);
  for (const bin of bins) {
    let k = 0;
    while (k < levels - 1 && bin >= fsr + k * step - step / 2) k++;
    (counts[k] as number)++;
  }
  let entropy = 0;
  for (let k = 1; k < levels; k++) {
    const share = (counts[k] as number) / bins.length;
    if (share > 0) entropy -= 2 ** ((fsr + (k - 1) * step) / 16) * share * Math.log(share);
  }
  return entropy;
}

const relu = activations(300)['half a Gaussian, as after Relu'] as Float32Array;
const positive = relu.filter((x) => x > 0);
const bins = Array.from(positive, (x) => Math.floor(16 * Math.log2(x)));

describe('weighted entropy of activations', () => {
  it.each([4, 8, 16])('%i levels: no other fsr and step have a larger one', (levels) => {
    const histogram = new Float64Array(1024);
    for (const bin of bins) (histogram[bin + 640] as number)++;
    const found = bestLevels(cumulated(histogram), levels);
    if (!found) throw new Error('nothing found');
    let most = 0;
    for (let step = 2; step <= 32; step += 2) {
      for (let fsr = -200; fsr <= 64; fsr++) most = Math.max(most, weightedEntropy(bins, fsr, step, levels));
    }
    expect(weightedEntropy(bins, found.fsr, found.step, levels)).toBeCloseTo(most, 12);
  });

  it('by hand: two levels above 0 for 1 and 4 alike', () => {
    // Apart, each has −½·log ½; the levels stand as high as their thresholds let them: half a step above 16·log2 x.
    const histogram = new Float64Array(1024);
    histogram[640] = 5;
    histogram[640 + 32] = 5;
    const found = bestLevels(cumulated(histogram), 3);
    // The widest step: 1 in [fsr − 16, fsr + 16), 4 at or above fsr + 16 = 32.
    expect(found).toEqual({ fsr: 16, step: 32, top: 1 });
  });

  it('histogram: floor(16·log2 x) of the positive elements', () => {
    const histogram = logHistogram(statisticsOf([0, 1, 1, 2, 0.5]));
    expect([histogram[640], histogram[656], histogram[624]]).toEqual([2, 1, 1]);
    expect(histogram.reduce((a, b) => a + b)).toBe(4);
    const many = logHistogram(statisticsOf(relu));
    expect(many.reduce((a, b) => a + b)).toBeCloseTo(positive.length, 6);
  });

  it.each([2, 3, 4, 6])('%i bits: levels in even steps of the logarithm, 0 stays 0', (bits) => {
    const quantizer = wentropy.quantizer(statisticsOf(relu), bits);
    if (quantizer?.kind !== 'lut') throw new Error('no table');
    expect(levelCount(quantizer)).toBeLessThanOrEqual(2 ** bits);
    expect(dequantizeActivation(0, quantizer)).toBe(0);
    const levels = [...new Set(quantizer.table)].sort((a, b) => a - b).slice(1);
    expect(levels.at(-1)).toBe(255);
    // Ratios of neighbours that the grid does not blur.
    const large = levels.filter((level) => level > 40);
    const ratios = large.slice(1).map((level, i) => level / (large[i] as number));
    for (const ratio of ratios) expect(Math.abs(ratio / (ratios[0] as number) - 1)).toBeLessThan(0.04);
    // A level is itself, and a larger value never gets a smaller one.
    for (const level of quantizer.table) expect(quantizer.table[level]).toBe(level);
    expect([...quantizer.table].sort((a, b) => a - b)).toEqual([...quantizer.table]);
  });

  it('is not for negative values, nor for one value alone', () => {
    expect(wentropy.quantizer(statisticsOf([1, 2, -0.1]), 4)).toBeUndefined();
    expect(wentropy.quantizer(statisticsOf([0, 0]), 4)).toBeUndefined();
    expect(wentropy.quantizer(statisticsOf([3, 3, 3]), 4)).toBeUndefined();
  });
});
