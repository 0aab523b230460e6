import type { ActivationQuantizer } from '../../src/numerics/activation.js';
import type { TensorStatistics } from '../statistics.js';

/** A way to choose the levels of activations narrower than 8 bits. */
export interface ActScheme {
  readonly name: string;
  readonly summary: string;
  /**
   * @param statistics - finite elements only; there is at least one
   * @param bits - width, 2 to 7: at most 2^bits levels
   * @returns undefined where the scheme is not for such a tensor: it is quantized uniformly then, by the observer
   */
  quantizer(statistics: TensorStatistics, bits: number): ActivationQuantizer | undefined;
}
