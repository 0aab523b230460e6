import { describe, expect, it } from 'vitest';
import { auto } from '../../../src/quantize/schemes/auto.js';
import { kmeans } from '../../../src/quantize/schemes/kmeans.js';
import { minmax } from '../../../src/quantize/schemes/minmax.js';
import type { WeightRequest } from '../../../src/quantize/schemes/scheme.js';
import { schemeOf } from '../../../src/recipe.js';
import { randomFloats } from '../../support/graph-builder.js';

const request: Omit<WeightRequest, 'bits'> = {
  values: randomFloats(60, 5),
  dims: [3, 20],
  axis: 0,
  channelsPerCodebook: 1,
  limit: 127,
  scaleFloor: new Float32Array(3),
};

describe('the scheme of a width', () => {
  it.each([2, 3, 4])('%i bits are a codebook', (bits) => {
    expect(auto.quantize({ ...request, bits })).toEqual(kmeans.quantize({ ...request, bits }));
    expect(schemeOf('auto', bits, 'packed')).toBe('kmeans');
  });

  it.each([5, 8])('%i bits are equal steps', (bits) => {
    expect(auto.quantize({ ...request, bits })).toEqual(minmax.quantize({ ...request, bits }));
    expect(schemeOf('auto', bits, 'packed')).toBe('minmax');
  });

  it('blocks of MatMulNBits hold equal steps at every width, and what is named stays', () => {
    expect(schemeOf('auto', 4, 'matmulnbits')).toBe('minmax');
    expect(schemeOf('log', 4, 'packed')).toBe('log');
  });
});
