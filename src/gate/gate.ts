import type { GateLevel } from '../options.js';
import type { Metric } from './metric.js';

/** The comparisons that a gate can make. */
export const comparisons = ['<', '<=', '>', '>='] as const;
export type Comparison = (typeof comparisons)[number];

/** A limit on a metric. */
export interface Gate {
  /** The expression, as written. */
  readonly text: string;
  readonly level: GateLevel;
  readonly metric: Metric;
  /** The name in brackets. */
  readonly target: string | undefined;
  /** The set of samples behind an `@`; without one the worst of all. */
  readonly set: string | undefined;
  /** The limit is on the change against the baseline, after − before. */
  readonly isChange: boolean;
  /** The change is taken as a share of the value before. */
  readonly isRelative: boolean;
  readonly comparison: Comparison;
  /** In the unit of the metric, where the change is not relative. */
  readonly limit: number;
}
