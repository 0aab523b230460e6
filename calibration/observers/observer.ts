import type { AffineQuantizer } from '../../src/numerics/affine.js';
import type { TensorStatistics } from '../statistics.js';

/** The configurations of LSQ+ (Bhalgat et al. 2020, table 1). */
export type LsqplusConfig = 1 | 2 | 3 | 4;

/** What a user can set of the observers. */
export interface ObserverSettings {
  /** Ranges symmetric around 0 where a tensor has negative values; the zero point is then the middle code. */
  readonly symmetric: boolean;
  /** `ema`: share of the past in each step of the moving range, in [0, 1). */
  readonly momentum: number;
  /** `percentile`: share of the elements that the range holds, in percent, in (0, 100]. */
  readonly percentile: number;
  /** `lsqplus`: 1 unsigned, 2 signed, both without offset; 3 signed, 4 unsigned, both with one. */
  readonly lsqplusConfig: LsqplusConfig;
}

/** Momentum as in Krishnamoorthi's text on quantization-aware training; 99.99 % and configuration 4 measured as best. */
export const defaultObserverSettings: ObserverSettings = {
  symmetric: false,
  momentum: 0.95,
  percentile: 99.99,
  lsqplusConfig: 4,
};

/** A quantizer whose offset β is any real number: x̂ = scale·k + offset, k = 0 … 2^bits − 1. */
export interface OffsetFit {
  /** Step, > 0. */
  readonly scale: number;
  /** Value of the lowest level, β + n·s in the paper's terms. */
  readonly offset: number;
  /** Mean squared error with this offset, in squared units of the tensor. */
  readonly error: number;
  /** Mean squared error with the integer zero point that ONNX asks for; never less than with the real offset. */
  readonly roundedError: number;
}

/** Chooses the quantizer of an activation from what calibration saw of it. */
export interface Observer {
  readonly name: string;
  readonly summary: string;
  /**
   * @param statistics - finite elements only; there is at least one
   * @param bits - width of the unsigned codes, 2 to 8
   */
  quantizer(statistics: TensorStatistics, bits: number, settings?: ObserverSettings): AffineQuantizer;
  /** The same with a real offset, where the observer has one to lose. */
  offsetFit?(statistics: TensorStatistics, bits: number, settings?: ObserverSettings): OffsetFit | undefined;
}
