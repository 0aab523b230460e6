import { describe, expect, it } from 'vitest';
import { minmax } from '../../../calibration/observers/minmax.js';
import { dequantizeValue, quantizeValue } from '../../../src/numerics/affine.js';
import { GraphBuilder } from '../../support/graph-builder.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';
import { runIn } from '../../support/sessions.js';
import { statisticsOf } from '../../support/statistics.js';

const quantizerOf = (values: readonly number[], bits = 8) => minmax.quantizer(statisticsOf(values), bits);

describe('minmax', () => {
  it.each([
    // By hand: scale = (max − min)/(2^bits − 1) with 0 in the range, zero point = −min/scale.
    ['both signs', [-1, 3], 2, 4 / 3, 1],
    ['both signs, 8 bits', [-51, 204], 8, 1, 51],
    ['positive only', [1, 510], 8, 2, 0],
    ['negative only', [-30, -7], 4, 2, 15],
    ['a tie of the zero point, to even', [-0.5, 14.5], 4, 1, 0],
    ['another tie, to even', [-1.5, 13.5], 4, 1, 2],
    ['all zero', [0, 0], 8, 1, 0],
  ])('covers %s', (_, values, bits, scale, zeroPoint) => {
    const high = 2 ** bits - 1;
    expect(quantizerOf(values, bits)).toEqual({ scale: Math.fround(scale), zeroPoint, low: 0, high });
  });

  it('takes the range over all samples', () => {
    const statistics = statisticsOf([-51, 3], [1, 204]);
    expect(minmax.quantizer(statistics, 8)).toEqual({ scale: 1, zeroPoint: 51, low: 0, high: 255 });
  });

  it('keeps 0 exact, clips nothing, and is off by half a step at most', () => {
    forSeeds(200, (random) => {
      const spread = 10 ** (random() * 8 - 4);
      const values = Array.from({ length: 20 }, () => Math.fround((random() - random()) * spread));
      const q = quantizerOf(values, anyInteger(random, 2, 8));
      expect(dequantizeValue(quantizeValue(0, q), q)).toBe(0);
      for (const x of values) {
        // Nudging the zero point to an integer moves both ends by up to half a step more.
        const isEnd = x === Math.min(...values) || x === Math.max(...values);
        const off = Math.abs(dequantizeValue(quantizeValue(x, q), q) - x) / q.scale;
        expect(off).toBeLessThan(isEnd ? 1.001 : 0.501 + 0.5);
      }
    });
  });

  it('is what DynamicQuantizeLinear of onnxruntime chooses', async () => {
    const g = new GraphBuilder();
    g.input('x', ['n']);
    g.node('DynamicQuantizeLinear', ['x'], ['codes', 'scale', 'zeroPoint']);
    g.output('codes', ['n'], 'uint8');
    g.output('scale', []);
    g.output('zeroPoint', [], 'uint8');
    const model = g.build();
    const cases: number[][] = [];
    forSeeds(30, (random) => {
      const [spread, shift] = [10 ** (random() * 6 - 3), random() * 2 - 1];
      cases.push(Array.from({ length: 50 }, () => Math.fround((random() - 0.5 + shift) * spread)));
    });
    for (const values of cases) {
      const data = Float32Array.from(values);
      const outputs = await runIn('disabled', model, { x: { type: 'float32', dims: [data.length], data } });
      const q = quantizerOf(values);
      const scale = outputs.get('scale')?.data[0] as number;
      // The runtime rounds the difference to float32 before it divides: one unit in the last place.
      expect(Math.abs(q.scale / scale - 1)).toBeLessThanOrEqual(2 ** -23);
      expect(q.zeroPoint).toBe(outputs.get('zeroPoint')?.data[0]);
      expect(values.map((x) => quantizeValue(x, q))).toEqual([...(outputs.get('codes')?.data ?? [])]);
    }
  });
});
