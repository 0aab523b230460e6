import { describe, expect, it } from 'vitest';
import {
  type CodebookTensor,
  dequantizeTensor,
  integersOfTensor,
} from '../../../src/quantize/quantized-tensor.js';
import type { Scheme, WeightRequest } from '../../../src/quantize/schemes/scheme.js';
import { sortMagnitudes } from '../../../src/quantize/schemes/sorted-magnitudes.js';
import { exactClusters, levelsOf } from '../../../src/quantize/schemes/weighted-entropy.js';
import {
  wentropy,
  wentropyAuthors,
  wentropyAuthorsZero,
  wentropyNearest,
} from '../../../src/quantize/schemes/wentropy.js';
import { errorOf, normalFloats, weightRequest } from '../../support/weight-request.js';

const quantize = (scheme: Scheme, request: WeightRequest) => scheme.quantize(request) as CodebookTensor;

/** The integers that stored levels are, without repetition. */
const distinct = (levels: Iterable<number>) => [...new Set(levels)].sort((a, b) => a - b);

describe('wentropy', () => {
  it('stores the root of the mean importance of each cluster, by hand', () => {
    // 2 bits: two clusters a sign. {1, 1, 1, 1} and {7}; of the negative ones {1} and {5}.
    const values = [1, 1, 1, 1, 7, -1, -5];
    const tensor = quantize(wentropy, weightRequest(values, { bits: 2 }));
    const stored = dequantizeTensor(tensor);
    values.forEach((w, i) => {
      expect(stored[i]).toBeCloseTo(w, 1);
    });
    // {3, 4}, {10} have 25/3·ln 3/2 + 100/3·ln 3 = 40, {3}, {4, 10} only 19.
    const pair = quantize(wentropy, weightRequest([3, 4, 10], { bits: 2 }));
    expect(dequantizeTensor(pair)[0]).toBeCloseTo(Math.sqrt(12.5), 1);
    expect(dequantizeTensor(pair)[1]).toBe(dequantizeTensor(pair)[0]);
    expect(dequantizeTensor(pair)[2]).toBeCloseTo(10, 4);
  });

  it('gives half of the levels to each sign, and maps 0 to the smallest level above it', () => {
    const tensor = quantize(wentropy, weightRequest([0, ...normalFloats(999, 1)]));
    expect(tensor.levels.subarray(0, 8).every((level) => level > 0)).toBe(true);
    expect(tensor.levels.subarray(8).every((level) => level < 0)).toBe(true);
    expect(tensor.levels.indexOf(integersOfTensor(tensor)[0] as number)).toBe(0);
    expect(integersOfTensor(tensor)[0]).toBe(tensor.levels[0]);
  });

  it('assigns by boundary, which is not always the nearest level', () => {
    const request = weightRequest(normalFloats(5000, 2));
    const [boundary, nearest] = [quantize(wentropy, request), quantize(wentropyNearest, request)];
    expect(nearest.levels).toEqual(boundary.levels);
    expect(errorOf(request, nearest)).toBeLessThan(errorOf(request, boundary));
    // By boundary: what is below in magnitude has no higher level.
    const integers = integersOfTensor(boundary);
    const order = [...request.values.keys()].sort(
      (a, b) => (request.values[a] as number) - (request.values[b] as number),
    );
    order.slice(1).forEach((i, k) => {
      expect(integers[i] as number).toBeGreaterThanOrEqual(integers[order[k] as number] as number);
    });
  });

  it('takes the first of two nearest levels', () => {
    const tensor = quantize(wentropyNearest, weightRequest([-4, -5, -2, 6, -7, 2, 5], { bits: 2, limit: 8 }));
    expect([tensor.scales[0], [...tensor.levels]]).toEqual([1, [4, 6, -4, -7]]);
    expect(tensor.indices[6]).toBe(0);
  });

  it('has the float levels, but for their rounding to the grid: half a step', () => {
    const request = weightRequest(normalFloats(5000, 3));
    const { levels, scales } = quantize(wentropy, request);
    const scale = scales[0] as number;
    const signs = [request.values.filter((w) => w >= 0), request.values.filter((w) => w < 0)];
    signs.forEach((values, sign) => {
      const sorted = sortMagnitudes(Float64Array.from(values, Math.abs));
      levelsOf(sorted, exactClusters(sorted, 8)).levels.forEach((level, n) => {
        const stored = Math.abs(levels[8 * sign + n] as number) * scale;
        expect(Math.abs(stored - level)).toBeLessThanOrEqual(scale * 0.5001);
      });
    });
    // The largest level is in the upper half of the integers.
    expect(Math.max(...levels.map(Math.abs))).toBeGreaterThan(63);
  });

  it('gives each block of channels its codebook', () => {
    const rows = [1, 10, 100, 1000].flatMap((size) => [...normalFloats(200, size)].map((w) => w * size));
    const tensorOf = (channelsPerCodebook: number | undefined) =>
      quantize(wentropy, weightRequest(rows, { dims: [4, 200], axis: 0, channelsPerCodebook }));
    const books = [1, 3, 4, undefined].map((size) => tensorOf(size).levels.length / 16);
    expect(books).toEqual([4, 2, 1, 1]);
    expect(tensorOf(4).channelsPerCodebook).toBeUndefined();
    // A shared codebook is one for weights of mean square 1: the rows differ by their scales.
    const { scales } = tensorOf(undefined);
    expect((scales[3] as number) / (scales[0] as number)).toBeGreaterThan(800);
    expect(tensorOf(1).indices.subarray(0, 200)).toEqual(
      quantize(wentropy, weightRequest(rows.slice(0, 200))).indices,
    );
  });

  it('fits its levels to a scale that had to be raised', () => {
    const values = normalFloats(400, 4);
    // Five times what the weights need; levels of the other channel alone would cost 25 times as much.
    const floor = 0.1;
    const free = weightRequest(values, { dims: [2, 200], axis: 0, channelsPerCodebook: undefined });
    for (const channelsPerCodebook of [1, undefined]) {
      const bound = { ...free, channelsPerCodebook, scaleFloor: Float32Array.of(floor, 0) };
      const tensor = quantize(wentropy, bound);
      expect(tensor.scales[0]).toBe(Math.fround(floor));
      expect(errorOf(bound, tensor)).toBeLessThan(8 * errorOf(free, quantize(wentropy, free)));
    }
  });
});

describe("the authors' variants", () => {
  it('have one set of magnitudes for both signs', () => {
    const tensor = quantize(wentropyAuthors, weightRequest(normalFloats(2000, 5)));
    expect([...tensor.levels.subarray(8)]).toEqual([...tensor.levels.subarray(0, 8)].map((level) => -level));
    expect(distinct(tensor.levels)).toHaveLength(16);
  });

  it('have a level 0 where their number is odd', () => {
    const values = normalFloats(2000, 6);
    const tensor = quantize(wentropyAuthorsZero, weightRequest(values));
    expect(distinct(tensor.levels)).toHaveLength(15);
    const integers = integersOfTensor(tensor);
    const smallest = values.reduce(
      (best, w, i) => (Math.abs(w) < Math.abs(values[best] as number) ? i : best),
      0,
    );
    expect(integers[smallest]).toBe(0);
  });
});
