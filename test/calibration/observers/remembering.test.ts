import { expect, it } from 'vitest';
import { minmax } from '../../../calibration/observers/minmax.js';
import { defaultObserverSettings } from '../../../calibration/observers/observer.js';
import { remembering } from '../../../calibration/observers/remembering.js';
import { TensorStatistics } from '../../../calibration/statistics.js';

it('asks the observer once for each tensor, width and setting', () => {
  let asked = 0;
  const counting = remembering({
    ...minmax,
    quantizer: (...all) => {
      asked++;
      return minmax.quantizer(...all);
    },
  });
  const [a, b] = [1, 2].map((value) => {
    const statistics = new TensorStatistics();
    statistics.add(Float32Array.of(-value, 3 * value));
    return statistics;
  });
  if (!a || !b) throw new Error('no statistics');
  const symmetric = { ...defaultObserverSettings, symmetric: true };
  for (let round = 0; round < 3; round++) {
    for (const statistics of [a, b]) {
      for (const bits of [8, 4]) {
        for (const settings of [defaultObserverSettings, symmetric]) {
          expect(counting.quantizer(statistics, bits, settings)).toEqual(
            minmax.quantizer(statistics, bits, settings),
          );
        }
      }
    }
  }
  expect(asked).toBe(8);
});
