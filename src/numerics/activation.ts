import type { AffineQuantizer } from './affine.js';

/**
 * A quantizer of an activation, as it runs on uint8 codes, or on uint16 ones where its codes are more than uint8 has.
 *
 * - `affine`: the codes of the grid, clipped to its [low, high].
 * - `lut`: the codes of the grid, each replaced by what a table of 256 codes says. Input and output have one grid, so
 *   that scale and zero point of the value are those of the grid, in either case, and zero padding is exact. The table
 *   keeps every code that it gives: quantizing twice is quantizing once.
 */
export type ActivationQuantizer =
  | { readonly kind: 'affine'; readonly grid: AffineQuantizer }
  | { readonly kind: 'lut'; readonly grid: AffineQuantizer; readonly table: Uint8Array };

/** Codes of a uint8 grid. */
export const CODES = 256;

/** The largest of them. */
export const LARGEST_CODE = CODES - 1;

/** Codes of a uint16 grid. */
export const WIDE_CODES = 65_536;

/** Whether the codes of a grid are uint16. */
export const isWide = ({ high }: Pick<AffineQuantizer, 'high'>): boolean => high > LARGEST_CODE;

/** How many values a quantized activation can have. */
export function levelCount(quantizer: ActivationQuantizer): number {
  const { low, high } = quantizer.grid;
  return quantizer.kind === 'lut' ? new Set(quantizer.table).size : high - low + 1;
}

/** The largest code that a quantized activation can have. */
export function largestCode(quantizer: ActivationQuantizer): number {
  return quantizer.kind === 'lut' ? Math.max(...quantizer.table) : quantizer.grid.high;
}
