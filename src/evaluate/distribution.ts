/** How the values of one tensor lie, and the levels that they are quantized to. */
export interface Distribution {
  /** The layer. */
  readonly id: string;
  readonly kind: 'weight' | 'input';
  /** The tensor. */
  readonly tensor: string;
  /** The output channel that is shown, of a weight with levels of its own for each; null for a whole tensor. */
  readonly channel: number | null;
  /** Bounds of the bins, one more than counts, ascending. */
  readonly edges: readonly number[];
  /** Elements in each bin. */
  readonly counts: readonly number[];
  /** The values that the quantized tensor can have, ascending; at most 256. */
  readonly levels: readonly number[];
}
