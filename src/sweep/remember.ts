import type { Observer } from '../../calibration/observers/observer.js';
import type { TensorStatistics } from '../../calibration/statistics.js';

/**
 * The same observer, which chooses a quantizer once for each tensor, width and setting: of the combinations of a sweep only
 * the weights differ in most.
 */
export function remembering(observer: Observer): Observer {
  const known = new WeakMap<TensorStatistics, Map<string, ReturnType<Observer['quantizer']>>>();
  return {
    ...observer,
    quantizer(statistics, bits, settings) {
      const ofTensor = known.get(statistics) ?? new Map();
      known.set(statistics, ofTensor);
      const key = JSON.stringify([bits, settings]);
      const quantizer = ofTensor.get(key) ?? observer.quantizer(statistics, bits, settings);
      ofTensor.set(key, quantizer);
      return quantizer;
    },
  };
}
