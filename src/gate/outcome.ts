import type { GateLevel } from '../options.js';

/** What came of one gate. */
export interface GateOutcome {
  /** The expression: `top1_drop<0.5%`, `sqnr[logits]>=30`. */
  readonly gate: string;
  readonly level: GateLevel;
  /**
   * What was measured: shares as fractions, sizes in bytes. Null where it could not be computed, which fails and has a
   * reason, and where it is infinite, as the SQNR of outputs that do not differ.
   */
  readonly value: number | null;
  /** The same for people: `0.28 %`, `31.4 dB`, `12.3 dB at conv2_out`, `not measured`. */
  readonly shown: string;
  readonly passed: boolean;
  /** The limit for people: `≤ 0.50 %`. */
  readonly limit: string;
  /** How much of the limit is left for people, negative beyond it: `+0.22 points`; null where nothing was measured. */
  readonly margin: string | null;
  /** Why a value could not be computed; null where it was. */
  readonly reason: string | null;
}

/** What the run is compared with: a result saved before. Numbers are null where there is none, or an infinite one. */
export interface BaselineRecord {
  /** The file's name. */
  readonly name: string;
  readonly changes: readonly {
    readonly metric: string;
    readonly before: number | null;
    readonly after: number | null;
    /** The change for people: `−0.12 points`, `+1.2 dB`. */
    readonly shown: string;
  }[];
}
