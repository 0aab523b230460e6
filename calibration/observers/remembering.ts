import type { TensorStatistics } from '../statistics.js';
import type { Observer } from './observer.js';

/**
 * The same observer, which chooses a quantizer once for each tensor, width and setting: of recipes that are tried one after
 * another, most differ in the weights alone.
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
