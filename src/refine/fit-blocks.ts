import { SMALLEST_NORMAL } from '../numerics/affine.js';
import { addWeighted, packColumns, WIDE_PANEL } from '../numerics/panel.js';
import { solveRows, upperFactor } from '../numerics/upper-factor.js';
import type { BlockTensor } from '../quantize/quantized-tensor.js';
import { REFITS } from './fit-levels.js';
import type { Hessian } from './hessian.js';
import { type Levels, roundWithFeedback, rowError } from './round-with-feedback.js';

/** Rows that are fitted together: columns of H are read once for all of them. */
const ROWS_AT_ONCE = 64;

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
  const systems = rows.map((row) => new ScaleSystem(row, columns, size));
  const panel = new Float64Array(WIDE_PANEL * columns);
  for (let first = 0; first < columns; first += WIDE_PANEL) {
    packColumns(panel, matrix, columns, { first, lines: columns, width: WIDE_PANEL });
    for (const system of systems) system.add(panel, first);
  }
  return systems.map((system) => system.solve());
}

/** (AᵀHA)s = AᵀHt of a row. */
class ScaleSystem {
  readonly #row: RowToFit;
  readonly #size: number;
  /** Codes less their zero points; the columns of each block that are not 0, and what they are. */
  readonly #codes: Float64Array;
  readonly #blocks: readonly { readonly columns: Int32Array; readonly codes: Float64Array }[];
  readonly #normal: Float64Array;
  readonly #right: Float64Array;
  readonly #sums = new Float64Array(WIDE_PANEL);

  constructor(row: RowToFit, columns: number, size: number) {
    this.#row = row;
    this.#size = size;
    const codes = Float64Array.from(
      { length: columns },
      (_, k) => (row.codes[k] as number) - (row.zeroPoints[Math.floor(k / size)] as number),
    );
    this.#codes = codes;
    this.#blocks = Array.from(row.scales, (_, b) => {
      const ends = { length: Math.min(columns, (b + 1) * size) - b * size };
      const own = Int32Array.from(ends, (_, k) => b * size + k).filter((k) => codes[k] !== 0);
      return { columns: own, codes: Float64Array.from(own, (k) => codes[k] as number) };
    });
    this.#normal = new Float64Array(row.scales.length ** 2);
    this.#right = new Float64Array(row.scales.length);
  }

  /** Add what a few columns of H bring, for each block its lines times its codes. */
  add(panel: Float64Array, first: number): void {
    const { target } = this.#row;
    const count = this.#blocks.length;
    const end = Math.min(WIDE_PANEL, target.length - first);
    const [sums, normal, right] = [this.#sums, this.#normal, this.#right];
    for (let b = 0; b < count; b++) {
      const { columns, codes } = this.#blocks[b] as { columns: Int32Array; codes: Float64Array };
      addWeighted(sums, panel, columns, codes);
      for (let c = 0; c < end; c++) {
        const k = first + c;
        const at = b * count + Math.floor(k / this.#size);
        normal[at] = (normal[at] as number) + (sums[c] as number) * (this.#codes[k] as number);
        right[b] = (right[b] as number) + (sums[c] as number) * (target[k] as number);
      }
    }
  }

  /** The row with its scales; as it is where there is no solution. */
  solve(): RowToFit {
    const [normal, right] = [this.#normal, this.#right];
    const count = right.length;
    // A block whose codes are all at its zero point has no say in its scale.
    for (let b = 0; b < count; b++) if (normal[b * count + b] === 0) normal[b * count + b] = 1;
    const factor = upperFactor(normal, count);
    if (!factor) return this.#row;
    solveRows(factor, count, right);
    const scales = this.#row.scales.map((scale, b) => {
      const solved = Math.fround(right[b] as number);
      return solved >= SMALLEST_NORMAL ? solved : scale;
    });
    return { ...this.#row, scales };
  }
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
