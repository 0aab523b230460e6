import { describe, expect, it } from 'vitest';
import { ema } from '../../../calibration/observers/ema.js';
import { minmax } from '../../../calibration/observers/minmax.js';
import { defaultObserverSettings, type ObserverSettings } from '../../../calibration/observers/observer.js';
import { forSeeds, shuffled } from '../../support/random-data.js';
import { statisticsOf } from '../../support/statistics.js';

type Samples = readonly (readonly number[])[];

const quantizerOf = (samples: Samples, settings: Partial<ObserverSettings> = {}, bits = 8) =>
  ema.quantizer(statisticsOf(...samples), bits, { ...defaultObserverSettings, ...settings });

const affine = (scale: number, zeroPoint: number, bits = 8) => ({
  scale: Math.fround(scale),
  zeroPoint,
  low: 0,
  high: 2 ** bits - 1,
});

describe('ema', () => {
  // By hand: moving = m·moving + (1 − m)·new from the first sample on; scale = (max − min)/255, zero point −min/scale.
  it.each<[string, Samples, Partial<ObserverSettings>, object]>([
    ['one sample', [[-51, 204]], {}, affine(1, 51)],
    // 10, 0.95·10 + 0.05·20 = 10.5, 0.95·10.5 + 0.05·30 = 11.475.
    ['three samples above zero', [[10], [0, 20], [5, 30]], {}, affine(11.475 / 255, 0)],
    // max 204, 0.95·204 + 0.05·4 = 194; min −51, −0.95·51 − 0.05·31 = −50; 50/244·255 = 52.25.
    [
      'two samples of both signs',
      [
        [-51, 204],
        [4, -31],
      ],
      {},
      affine(244 / 255, 52),
    ],
    // max 100, 75, 87.5 and min −20, −35, −17.5: a minimum above zero moves as it is; 17.5/105·255 = 42.5, to even.
    [
      'momentum ½',
      [
        [-20, 100],
        [-50, 50],
        [0, 100],
      ],
      { momentum: 0.5 },
      affine(105 / 255, 42),
    ],
    ['no momentum: the last', [[-500, 100], [9], [-51, 204]], { momentum: 0 }, affine(1, 51)],
    ['a zero as first sample', [[0], [100]], {}, affine(5 / 255, 0)],
  ])('moves over %s', (_, samples, settings, expected) => {
    expect(quantizerOf(samples, settings)).toEqual(expected);
  });

  // By hand: scale = moving max|a| / 2^(bits−1).
  it.each<[string, Samples, number, object]>([
    // 2, 0.95·2 + 0.05·4 = 2.1.
    [
      '8 bits',
      [
        [-2, 1],
        [1, 4],
      ],
      8,
      affine(2.1 / 128, 128),
    ],
    [
      '4 bits',
      [
        [-2, 1],
        [1, 4],
      ],
      4,
      affine(2.1 / 8, 8, 4),
    ],
    [
      '2 bits',
      [
        [-2, 1],
        [1, 4],
      ],
      2,
      affine(2.1 / 2, 2, 2),
    ],
    [
      'no negative values',
      [
        [2, 1],
        [1, 4],
      ],
      8,
      affine(2.1 / 255, 0),
    ],
  ])('divides the moving magnitude by 2^(bits−1): %s', (_, samples, bits, expected) => {
    expect(quantizerOf(samples, { symmetric: true }, bits)).toEqual(expected);
  });

  it('skips samples without finite values, the first one too', () => {
    const { NaN: none, POSITIVE_INFINITY: infinite } = Number;
    const samples = [[10], [20], [30]];
    const withGaps = [[none], [], [10], [infinite, none], [20], [], [30], [-infinite]];
    for (const symmetric of [false, true])
      expect(quantizerOf(withGaps, { symmetric })).toEqual(quantizerOf(samples, { symmetric }));
  });

  it('is the whole range where every sample has it, and within it always', () => {
    expect(
      quantizerOf([
        [-1, 3],
        [3, -1],
        [-1, 0, 3],
      ]),
    ).toEqual(minmax.quantizer(statisticsOf([-1, 3]), 8));
    forSeeds(100, (random) => {
      const samples = Array.from({ length: 6 }, () => [random() - 1, random()]);
      const whole = minmax.quantizer(statisticsOf(...samples), 8);
      expect(quantizerOf(samples, { momentum: random() }).scale).toBeLessThanOrEqual(whole.scale);
    });
  });

  it('of neighbouring shards, merged, is that of the whole; the order counts', () => {
    let moved = 0;
    forSeeds(50, (random) => {
      const samples = Array.from({ length: 8 }, () => [random() - 2, 3 * random()]);
      const whole = quantizerOf(samples);
      const cut = 1 + Math.floor(random() * 7);
      const merged = statisticsOf(...samples.slice(0, cut));
      merged.absorb(statisticsOf(...samples.slice(cut)));
      expect(ema.quantizer(merged, 8)).toEqual(whole);
      if (quantizerOf(shuffled(samples, random)).scale !== whole.scale) moved++;
    });
    expect(moved).toBeGreaterThan(40);
  });
});
