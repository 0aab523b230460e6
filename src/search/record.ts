/** Some samples, and what a report calls them. */
interface SampleRecord {
  readonly label: string;
  readonly samples: number;
}

/** One model that the search quantized and ran on its samples. */
export interface AttemptRecord {
  readonly samples: number;
  readonly sizeBytes: number;
  /** Top-1 accuracy lost, or, without labels, the share of samples whose top-1 changed; null without class scores. */
  readonly drop: number | null;
  /** Standard error of the drop of accuracy; 0 without labels. */
  readonly dropError: number;
  /** SQNR of the output where it is lowest; null where nothing differs. */
  readonly sqnrDb: number | null;
  /** Whether it keeps the limits; of a drop of accuracy, with 95 % certainty. */
  readonly met: boolean;
}

/** How bits and schemes were chosen. */
export interface SearchRecord {
  /** What was asked for; null where it was not. */
  readonly limits: {
    readonly maxDrop: number | null;
    readonly minSqnrDb: number | null;
    readonly maxBytes: number | null;
  };
  /** What the drop is: of accuracy, or of agreement with float; null where no output holds class scores. */
  readonly measure: 'accuracy' | 'agreement' | null;
  /** The samples that sensitivity was measured on the first of. */
  readonly sensitivity: SampleRecord;
  /** The samples that the attempts were run on. */
  readonly search: SampleRecord;
  /** Whether the evaluation samples are none of these. */
  readonly isApart: boolean;
  /** What was chosen: bytes in the file, and SQNR at the output where this layer's weights alone are quantized so. */
  readonly layers: readonly {
    readonly id: string;
    readonly bits: number;
    readonly scheme: string;
    readonly bytes: number;
    readonly effectDb: number | null;
  }[];
  readonly attempts: readonly AttemptRecord[];
  /** Whether the outcome keeps the limits on the search samples. */
  readonly met: boolean;
  /** The outcome on the evaluation samples; there the limits are on what was measured, without a margin. */
  readonly verified: AttemptRecord & { readonly label: string };
  /** The flags that repeat the outcome without the search, as typed in a shell. */
  readonly flags: readonly string[];
}
