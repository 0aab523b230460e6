/** What came of one gate. */
export interface GateOutcome {
  /** The expression: `top1_drop<0.5%`, `sqnr[logits]>=30`. */
  readonly gate: string;
  readonly level: 'warn' | 'error';
  /** What was measured, in the unit of the metric; null where it could not be computed, which fails. */
  readonly value: number | null;
  /** The same for people: `0.28 %`, `31.4 dB`. */
  readonly shown: string;
  readonly passed: boolean;
  /** Why a value could not be computed; null where it was. */
  readonly reason: string | null;
}

/** What the run is compared with: a result saved before. */
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
