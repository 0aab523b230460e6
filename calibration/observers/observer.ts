import type { AffineQuantizer } from '../../src/numerics/affine.js';
import type { TensorStatistics } from '../statistics.js';

/** Chooses the quantizer of an activation from what calibration saw of it. */
export interface Observer {
  readonly name: string;
  readonly summary: string;
  /**
   * @param statistics - finite elements only; there is at least one
   * @param bits - width of the unsigned codes, 2 to 8
   */
  quantizer(statistics: TensorStatistics, bits: number): AffineQuantizer;
}
