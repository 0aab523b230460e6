import { describe, expect, it } from 'vitest';
import { dequantizeTensor, integersOfTensor } from '../../../src/quantize/quantized-tensor.js';
import type { WeightRequest } from '../../../src/quantize/schemes/scheme.js';
import { schemes } from '../../../src/quantize/schemes/schemes.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';
import { errorOf, normalFloats, weightRequest } from '../../support/weight-request.js';

/** What holds for every scheme. */
describe.each(schemes)('$name', (scheme) => {
  /** Quantizes, and checks what a stored tensor must be. */
  function checked(request: WeightRequest) {
    const tensor = scheme.quantize(request);
    const { dims, bits, axis, limit, scaleFloor, values } = request;
    const channels = axis === undefined ? 1 : (dims[axis] as number);
    expect(tensor).toMatchObject({ dims, bits, axis });
    expect(tensor.scales).toHaveLength(channels);
    tensor.scales.forEach((scale, c) => {
      expect(Number.isFinite(scale)).toBe(true);
      expect(scale).toBeGreaterThanOrEqual(Math.max(scaleFloor[c] as number, 2 ** -126));
    });
    const integers = integersOfTensor(tensor);
    expect(integers).toHaveLength(values.length);
    expect(integers.every((integer) => Math.abs(integer) <= limit)).toBe(true);
    if (tensor.kind === 'codebook') {
      const size = tensor.channelsPerCodebook ?? channels;
      expect(tensor.levels).toHaveLength(2 ** bits * Math.ceil(channels / size));
      expect(tensor.indices.every((index) => index < 2 ** bits)).toBe(true);
      expect(tensor.levels.every((level) => Math.abs(level) <= limit)).toBe(true);
    } else {
      const [low, high] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
      expect(tensor.codes.every((code) => code >= low && code <= high)).toBe(true);
    }
    return tensor;
  }

  it('stores what can be stored: any width, axis, block, limit and smallest scale, twice the same', () => {
    forSeeds(25, (random, seed) => {
      const dims = [anyInteger(random, 1, 4), anyInteger(random, 1, 5), anyInteger(random, 1, 9)];
      const values = normalFloats(
        dims.reduce((a, b) => a * b),
        seed,
      );
      const axis = [undefined, 0, 1, 2][seed % 4];
      const channels = axis === undefined ? 1 : (dims[axis] as number);
      const request = weightRequest(values, {
        dims,
        axis,
        bits: anyInteger(random, scheme.widths.least, scheme.widths.most),
        limit: seed % 3 === 0 ? 63 : 127,
        channelsPerCodebook: axis === undefined ? undefined : [1, 2, 3, undefined][anyInteger(random, 0, 3)],
        scaleFloor: Float32Array.from({ length: channels }, () => (random() < 0.5 ? 0 : random() ** 6)),
      });
      expect(checked(request)).toEqual(scheme.quantize(request));
    });
  });

  it('stores zeros, single weights, and the smallest and largest floats', () => {
    for (const bits of [2, 4, 8]) {
      for (const axis of [undefined, 0]) {
        const zeros = checked(weightRequest(new Float32Array(8), { dims: [2, 4], axis, bits }));
        expect(dequantizeTensor(zeros).every((w) => w === 0)).toBe(true);
        checked(weightRequest([-0.3], { dims: [1, 1], axis, bits }));
        checked(weightRequest([0, 0, 0, 1e-40, -1e-44, 1e-39], { dims: [2, 3], axis, bits }));
        checked(weightRequest([3e38, -1e38, 1, 0], { dims: [2, 2], axis, bits }));
        checked(weightRequest([0, 0, 1, -2], { dims: [2, 2], axis, bits, channelsPerCodebook: undefined }));
      }
    }
  });

  it('is the same for weights a power of two larger', () => {
    const request = weightRequest(normalFloats(300, 7), { dims: [3, 100], axis: 0 });
    const larger = { ...request, values: request.values.map((w) => w * 1024) };
    const [one, other] = [scheme.quantize(request), scheme.quantize(larger)];
    expect(integersOfTensor(other)).toEqual(integersOfTensor(one));
    expect(other.scales).toEqual(one.scales.map((scale) => scale * 1024));
  });

  it('keeps most of normal weights at 4 bits', () => {
    const request = weightRequest(normalFloats(2000, 8), { dims: [4, 500], axis: 0 });
    const power = request.values.reduce((sum, w) => sum + w * w, 0);
    expect(10 * Math.log10(power / errorOf(request, scheme.quantize(request)))).toBeGreaterThan(9);
  });
});

it('has a name for each', () => {
  expect(new Set(schemes.map(({ name }) => name)).size).toBe(schemes.length);
});
