import { quantile } from '../../calibration/observers/percentile.js';
import type { BatchRows } from '../../calibration/source.js';
import { TensorStatistics } from '../../calibration/statistics.js';
import type { NdArray } from '../numerics/nd-array.js';
import { rowsOf, sameDims } from './drift.js';

/** How large the errors of one output are: the absolute difference that so many percent of the elements stay within. */
export interface ErrorQuantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
}

/**
 * Gathers |float − quantized| of every element in a histogram over the float's own bits: bounded memory, however many
 * samples there are. A bin is 0.8 % of its value wide, and so exact is each quantile; errors that are not finite are left
 * out.
 */
export class ErrorMeter {
  #statistics: TensorStatistics | undefined;

  add(reference: NdArray, quantized: NdArray, batch: BatchRows): void {
    if (!reference.type.startsWith('float') || !sameDims(reference, quantized)) return;
    const a = rowsOf(reference, batch);
    const b = rowsOf(quantized, batch);
    const errors = new Float32Array(a.length);
    for (let i = 0; i < a.length; i++) errors[i] = Math.abs((a[i] as number) - (b[i] as number));
    this.#statistics ??= new TensorStatistics();
    this.#statistics.add(errors);
  }

  /** Null where no error was finite, or the values are no floats. */
  get quantiles(): ErrorQuantiles | null {
    const distribution = this.#statistics?.distribution();
    if (!distribution || distribution.bins.length === 0) return null;
    const at = (share: number) => quantile(distribution, share);
    return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) };
  }
}
