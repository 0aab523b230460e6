import type { Observer } from '../observers/observer.js';

/** Where the ranges of activations come from, and what makes quantizers of them: what `--observer` names. */
export interface RangeSource {
  readonly name: string;
  readonly summary: string;
  /**
   * `statistics`: what samples left behind. `batch-norm`: what folding knows of BatchNormalization, and no sample.
   * `held-out`: beside the statistics, samples that they have not seen, on which an observer is chosen for each value.
   */
  readonly from: 'statistics' | 'batch-norm' | 'held-out';
  /** Makes the quantizers of all values for which no other is chosen. */
  readonly observer: Observer;
}
