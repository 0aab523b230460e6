import { type Placement, weightedNode } from '../place/placement.js';

/** Some samples, and what a report calls them. */
interface SampleRecord {
  readonly label: string;
  readonly samples: number;
}

/** One model that the search quantized and ran on its samples. */
export interface AttemptRecord {
  readonly samples: number;
  readonly sizeBytes: number;
  /** Share of samples by which top-1 accuracy fell; null without labels or class scores. */
  readonly drop: number | null;
  /** Standard error of the drop. */
  readonly dropError: number;
  /** Share of samples that kept their class; null without class scores. */
  readonly agreement: number | null;
  /** SQNR of the output where it is lowest; null where nothing differs. */
  readonly sqnrDb: number | null;
  /** Whether it keeps the limits; a drop of accuracy must be expected to, in nine of ten cases, where it is stated. */
  readonly met: boolean;
}

/** How bits and schemes were chosen. */
export interface SearchRecord {
  /** What was asked for; null where it was not. */
  readonly limits: {
    readonly maxDrop: number | null;
    readonly minAgreement: number | null;
    readonly minSqnrDb: number | null;
    readonly maxBytes: number | null;
  };
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
  /** The flags that repeat the outcome without the search, as typed in a shell. */
  readonly flags: readonly string[];
}

/** A record with the widths that its plan has: a layer whose fewer bits saved no byte kept 8. */
export function asPlanned(record: SearchRecord, placement: Placement): SearchRecord {
  const layers = record.layers.map((layer) => {
    const planned = weightedNode(placement, layer.id);
    return planned?.askedBits === undefined ? layer : { ...layer, bits: planned.recipe.bits };
  });
  return { ...record, layers };
}
