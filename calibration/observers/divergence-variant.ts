/** How a variant compares the distribution P of the clipped magnitudes with its quantized image Q. */
export interface DivergenceVariant {
  /** Whether a level's mass goes to those of its bins that hold something, or evenly to all. */
  readonly spread: 'filled' | 'even';
  /** Added to every bin of P and Q before the logarithm. */
  readonly epsilon: number;
  /** Whether both are scaled to a sum of 1. */
  readonly normalized: boolean;
  /** Last number of bins that is tried. */
  readonly last: number;
}
