import { expect, it } from 'vitest';
import { magnitudesBySign } from '../../src/numerics/magnitudes-by-sign.js';
import { anyFloat, anyInteger, forSeeds } from '../support/random-data.js';

it('parts floats by sign, ascending by magnitude', () => {
  expect(magnitudesBySign(Float32Array.of(0.5, -2, 0, -0.25, 3, -0, -2))).toEqual({
    negative: Float64Array.of(0.25, 2, 2),
    others: Float64Array.of(0, 0, 0.5, 3),
  });
  expect(magnitudesBySign(new Float32Array())).toEqual({
    negative: new Float64Array(),
    others: new Float64Array(),
  });
});

it('has the order of a sort by comparison, for any floats and any number of them', () => {
  const ascending = (list: number[]) => Float64Array.from(list.sort((a, b) => a - b));
  forSeeds(200, (random, seed) => {
    const length = seed === 200 ? 70_000 : anyInteger(random, 1, seed % 20 === 0 ? 4000 : 600);
    // All bits, few values, or magnitudes whose last bits alone are not the same.
    const draw = [
      anyFloat,
      () => anyInteger(random, -4, 4) / 8,
      () => -1 - 2 ** -23 * anyInteger(random, 0, 50_000),
    ];
    const all = Float32Array.from({ length: length + 3 }, () => (draw[seed % 3] as typeof anyFloat)(random));
    // A part of a buffer, too.
    const values = all.subarray(3).map((value) => (Number.isNaN(value) ? 1 : value));
    const { negative, others } = magnitudesBySign(values);
    expect(negative).toEqual(ascending([...values].filter((w) => w < 0).map(Math.abs)));
    expect(others).toEqual(ascending([...values].filter((w) => w >= 0).map(Math.abs)));
  });
});
