import { SMALLEST_NORMAL } from '../numerics/affine.js';
import { addLine, ROWS_AT_ONCE } from '../numerics/symmetric.js';
import { solveRows, upperFactor } from '../numerics/upper-factor.js';
import type { BlockTensor } from '../quantize/quantized-tensor.js';
import { REFITS } from './fit-levels.js';
import type { Hessian } from './hessian.js';
import { type Levels, roundWithFeedback, rowError } from './round-with-feedback.js';

/** A matrix in blocks to be fitted anew. */
export interface BlocksToFit {
  readonly weight: BlockTensor;
  /** Row by row, one an output: what the weight should be. */
  readonly targets: Float64Array;
  readonly hessian: Hessian;
  /** How often scales are chosen anew. */
  readonly refits?: number;
}

/** A matrix fitted, and the error of its rows before and after. */
export interface FittedBlocks {
  readonly weight: BlockTensor;
  readonly before: number;
  readonly after: number;
}

/** The blocks of one output. */
interface BlockRow {
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array;
  /** One a column. */
  readonly codes: Uint8Array;
}

interface RowToFit extends BlockRow {
  readonly target: Float64Array;
}

interface FittedRow extends BlockRow {
  readonly error: number;
}

/**
 * Fit a weight in blocks to a target under H: codes by feedback, then in turn the scales of all blocks of a row that are
 * least squares together, s = (AᵀHA)⁻¹AᵀHt with A the codes less their zero points, block by block, and the codes again.
 * Zero points stay. The best round of each row is kept, and a row whose error would rise stays as it is.
 */
export function fitBlocks({ weight, targets, hessian, refits = REFITS }: BlocksToFit): FittedBlocks {
  const { columns } = hessian;
  const { size } = weight;
  const perRow = Math.ceil(columns / size);
  const rows = targets.length / columns;
  const scales = weight.scales.slice();
  const codes = weight.codes.slice();
  const sums = { before: 0, after: 0 };
  for (let start = 0; start < rows; start += ROWS_AT_ONCE) {
    const some = Array.from({ length: Math.min(ROWS_AT_ONCE, rows - start) }, (_, i) => ({
      target: targets.subarray((start + i) * columns, (start + i + 1) * columns),
      ...rowOf(weight, start + i, columns),
    }));
    fitRows(some, hessian, weight, refits).forEach((fitted, i) => {
      const { target, ...own } = some[i] as (typeof some)[number];
      const before = rowError(target, valuesOf(own, size), hessian);
      sums.before += before;
      sums.after += Math.min(before, fitted.error);
      if (!(fitted.error < before)) return;
      scales.set(fitted.scales, (start + i) * perRow);
      codes.set(fitted.codes, (start + i) * perRow * size);
    });
  }
  return { weight: { ...weight, codes, scales }, ...sums };
}

/** The rounds of some rows, and the best of each. */
function fitRows(
  starts: readonly RowToFit[],
  hessian: Hessian,
  { bits, size }: Pick<BlockTensor, 'bits' | 'size'>,
  refits: number,
): FittedRow[] {
  let rows = [...starts];
  const best: FittedRow[] = starts.map((row) => ({ ...row, error: Number.POSITIVE_INFINITY }));
  for (let round = 0; round <= refits; round++) {
    const asked = rows.map(({ target, scales, zeroPoints }) => ({
      ...{ target, size },
      levels: Array.from(scales, (scale, b) => levelsOf(scale, zeroPoints[b] as number, bits)),
    }));
    roundWithFeedback(asked, hessian).forEach(({ indices, error }, r) => {
      const row = { ...(rows[r] as RowToFit), codes: indices };
      rows[r] = row;
      if (error < (best[r] as FittedRow).error) best[r] = { ...row, error };
    });
    if (round < refits) rows = refitScales(rows, hessian, size);
  }
  return best;
}

/** The scales of least error under H for codes that stay; one that would not be positive keeps its value. */
function refitScales(rows: readonly RowToFit[], { matrix, columns }: Hessian, size: number): RowToFit[] {
  const weigh = ({ codes, zeroPoints }: BlockRow, k: number) =>
    (codes[k] as number) - (zeroPoints[Math.floor(k / size)] as number);
  // HA: for each block of each row, the lines of H times its codes.
  const sums = rows.map(({ scales }) => Array.from(scales, () => new Float64Array(columns)));
  for (let k = 0; k < columns; k++)
    rows.forEach((row, r) => {
      const sum = sums[r]?.[Math.floor(k / size)] as Float64Array;
      addLine(sum, weigh(row, k), matrix, { from: k * columns });
    });
  return rows.map((row, r) => {
    const count = row.scales.length;
    const normal = new Float64Array(count * count);
    const right = new Float64Array(count);
    sums[r]?.forEach((line, b) => {
      for (let k = 0; k < columns; k++) {
        const at = b * count + Math.floor(k / size);
        normal[at] = (normal[at] as number) + (line[k] as number) * weigh(row, k);
        right[b] = (right[b] as number) + (line[k] as number) * (row.target[k] as number);
      }
    });
    // A block whose codes are all at its zero point has no say in its scale.
    for (let b = 0; b < count; b++) if (normal[b * count + b] === 0) normal[b * count + b] = 1;
    const factor = upperFactor(normal, count);
    if (!factor) return row;
    solveRows(factor, count, right);
    const scales = row.scales.map((scale, b) => {
      const solved = Math.fround(right[b] as number);
      return solved >= SMALLEST_NORMAL ? solved : scale;
    });
    return { ...row, scales };
  });
}

function levelsOf(scale: number, zeroPoint: number, bits: number): Levels {
  return Float64Array.from({ length: 2 ** bits }, (_, code) => (code - zeroPoint) * scale);
}

function rowOf(weight: BlockTensor, row: number, columns: number): BlockRow {
  const { bits, size, scales, zeroPoints, codes } = weight;
  const count = Math.ceil(columns / size);
  const from = row * count;
  return {
    scales: scales.slice(from, from + count),
    zeroPoints: zeroPoints?.slice(from, from + count) ?? new Uint8Array(count).fill(2 ** (bits - 1)),
    codes: codes.slice(from * size, from * size + columns),
  };
}

function valuesOf({ scales, zeroPoints, codes }: BlockRow, size: number): Float64Array {
  return Float64Array.from(codes, (code, k) => {
    const block = Math.floor(k / size);
    return (code - (zeroPoints[block] as number)) * (scales[block] as number);
  });
}
