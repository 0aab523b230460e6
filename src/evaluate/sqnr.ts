/** 10·log10(signal / noise) of two sums of squares, in dB; null where there is no noise at all. */
export const sqnrOf = (signal: number, noise: number): number | null =>
  noise === 0 ? null : 10 * Math.log10(Math.max(signal, Number.MIN_VALUE) / noise);
