import { describe, expect, it } from 'vitest';
import { type CodebookTensor, dequantizeTensor } from '../../../src/quantize/quantized-tensor.js';
import { kmeans } from '../../../src/quantize/schemes/kmeans.js';
import { mse } from '../../../src/quantize/schemes/mse.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';
import { errorOf, normalFloats, weightRequest } from '../../support/weight-request.js';

/** Every choice of so many of the integers low … high. */
function choices(low: number, high: number, count: number): number[][] {
  if (count === 0) return [[]];
  return Array.from({ length: high - low + 1 }, (_, i) => low + i).flatMap((first) =>
    choices(first + 1, high, count - 1).map((rest) => [first, ...rest]),
  );
}

describe('kmeans', () => {
  it('holds clusters exactly, by hand', () => {
    const values = [-1, -1, 0.5, 0.5, 2, 1.5];
    const tensor = kmeans.quantize(weightRequest(values, { bits: 2 })) as CodebookTensor;
    const stored = dequantizeTensor(tensor);
    values.forEach((w, i) => {
      expect(stored[i]).toBeCloseTo(w, 1);
    });
    // Five values for four levels: the two nearest share their mean.
    const shared = kmeans.quantize(weightRequest([-10, -3, 5, 6, 10], { bits: 2 }));
    expect(dequantizeTensor(shared)[2]).toBeCloseTo(5.5, 1);
    expect(dequantizeTensor(shared)[3]).toBeCloseTo(5.5, 1);
  });

  it('takes the best of all choices of integer levels at its scale, each weight at the nearest', () => {
    const limit = 6;
    const books = choices(-limit, limit, 4);
    forSeeds(25, (random, seed) => {
      const request = weightRequest(normalFloats(anyInteger(random, 1, 30), seed), { bits: 2, limit });
      const tensor = kmeans.quantize(request);
      const scale = tensor.scales[0] as number;
      const found = errorOf(request, tensor);
      const least = Math.min(
        ...books.map((levels) =>
          request.values.reduce((sum, w) => sum + Math.min(...levels.map((l) => (w - scale * l) ** 2)), 0),
        ),
      );
      expect(found).toBeCloseTo(least, 5);
    });
  });

  it('has every integer where there are no more of them than indices', () => {
    const values = [-3, -2, -1, 0, 1, 2, 3];
    const tensor = kmeans.quantize(weightRequest(values, { bits: 3, limit: 3 }));
    expect([...dequantizeTensor(tensor)]).toEqual(values);
  });

  it('improves scale and levels in turn, by hand', () => {
    // The largest on 3 puts the scale at 1.1, and the levels at −1, 1, 2, 3; their best scale is Σw·l / Σl² = 69.9 / 69.
    const values = [...Array(10).fill(1), ...Array(10).fill(-1), ...Array(10).fill(2), 3.3];
    const tensor = kmeans.quantize(weightRequest(values, { bits: 2, limit: 3 })) as CodebookTensor;
    expect([...tensor.levels]).toEqual([-1, 1, 2, 3]);
    expect(tensor.scales[0]).toBeCloseTo(69.9 / 69, 6);
  });

  it('counts the error of weights, not of steps, where channels share a codebook', () => {
    const limit = 6;
    const books = choices(-limit, limit, 4);
    forSeeds(15, (_, seed) => {
      // The second channel is 20 times the first.
      const values = normalFloats(40, seed).map((w, i) => (i < 20 ? w : 20 * w ** 3));
      const shape = { dims: [2, 20], axis: 0, channelsPerCodebook: undefined };
      const request = weightRequest(values, { bits: 2, limit, ...shape });
      const tensor = kmeans.quantize(request) as CodebookTensor;
      expect(tensor.levels).toHaveLength(4);
      const errors = books.map((levels) =>
        values.reduce((sum, w, i) => {
          const scale = tensor.scales[i < 20 ? 0 : 1] as number;
          return sum + Math.min(...levels.map((l) => (w - scale * l) ** 2));
        }, 0),
      );
      expect(errorOf(request, tensor) / Math.min(...errors)).toBeCloseTo(1, 4);
    });
  });

  it('is never worse than mse, at any width', () => {
    forSeeds(10, (_, seed) => {
      for (let bits = 2; bits <= 8; bits++) {
        for (const limit of [127, 63]) {
          const request = weightRequest(normalFloats(30 * seed, seed), { bits, limit });
          const [found, uniform] = [kmeans, mse].map((scheme) => errorOf(request, scheme.quantize(request)));
          expect(found).toBeLessThanOrEqual((uniform as number) * 1.0001);
        }
      }
    });
  });

  it('keeps a scale that a fit to its own levels improves by less than 0.1 % (Lloyd 1982)', () => {
    forSeeds(30, (random, seed) => {
      const request = weightRequest(normalFloats(anyInteger(random, 5, 200), seed), { bits: 2 });
      const tensor = kmeans.quantize(request) as CodebookTensor;
      const levels = [...tensor.indices].map((index) => tensor.levels[index] as number);
      const sumOf = (f: (w: number, level: number) => number) =>
        request.values.reduce((sum, w, i) => sum + f(w, levels[i] as number), 0);
      const ideal = sumOf((w, level) => w * level) / sumOf((_, level) => level * level);
      const least = sumOf((w, level) => (w - ideal * level) ** 2);
      expect(errorOf(request, tensor)).toBeLessThanOrEqual(least * 1.0011);
    });
  });

  it('takes the higher of two levels as near', () => {
    const tensor = kmeans.quantize(weightRequest([4, 8, -7, -5], { bits: 2, limit: 4 })) as CodebookTensor;
    expect([tensor.scales[0], [...tensor.levels]]).toEqual([2, [-4, -3, 2, 4]]);
    // −7 is 3½ steps.
    expect([...dequantizeTensor(tensor)]).toEqual([4, 8, -6, -6]);
  });

  it('reaches the optimum of Lloyd and Max on a normal distribution: 9.30, 14.62, 20.22 dB', () => {
    const request = weightRequest(normalFloats(50_000, 1));
    const power = request.values.reduce((sum, w) => sum + w * w, 0);
    const measured = [2, 3, 4].map((bits) => {
      const wanted = { ...request, bits };
      return 10 * Math.log10(power / errorOf(wanted, kmeans.quantize(wanted)));
    });
    [9.3, 14.62, 20.22].forEach((expected, i) => {
      expect(Math.abs((measured[i] as number) - expected)).toBeLessThan(0.1);
    });
  });

  it('gives more with a codebook a channel than with a shared one', () => {
    const values = [
      ...normalFloats(300, 1),
      ...normalFloats(300, 2).map((w) => w ** 3),
      ...normalFloats(300, 3),
    ];
    const errors = [1, 2, undefined].map((channelsPerCodebook) => {
      const request = weightRequest(values, { dims: [3, 300], axis: 0, channelsPerCodebook });
      const tensor = kmeans.quantize(request) as CodebookTensor;
      expect(tensor.levels).toHaveLength(16 * Math.ceil(3 / (channelsPerCodebook ?? 3)));
      return errorOf(request, tensor);
    });
    expect(errors[0]).toBeLessThan(errors[1] as number);
    expect(errors[0]).toBeLessThan(errors[2] as number);
  });
});
