import { isOp, type Model, type Node } from '../graph/model.js';
import type { CodesRead, CodesWritten, Grid, QdqGraph } from '../graph/qdq-graph.js';
import { integersOf } from '../graph/tensor.js';
import type { Arithmetic, FixedPoint } from '../numerics/fixed-point.js';
import type { Codes, Dims, IntegerValue, ReadOperator } from './program.js';

/** What a kernel reads an operator from. */
export interface ProgramSource {
  readonly model: Model;
  readonly qdq: QdqGraph;
  /** Dimensions of a value, codes or floats; undefined where they are not known. */
  dimsOf(value: string): Dims | undefined;
  /** A value of codes. */
  valueOf(codes: CodesRead | CodesWritten): IntegerValue;
  /** The codes of this name, where an operator reads them as they are. */
  codesNamed(name: string): IntegerValue | undefined;
  /** What such codes are shifted by to be int8. */
  codeShiftOf(name: string): number | undefined;
  readonly arithmetic: Arithmetic;
}

/** Where only the arithmetic matters. */
export type ArithmeticSource = Pick<ProgramSource, 'arithmetic'>;

/** One kind of integer operator: how it is read from a QDQ graph, and its arithmetic. */
export interface IntegerKernel {
  /** Its name in the file. */
  readonly name: string;
  /** The operators of ONNX that become it. */
  readonly opTypes: readonly string[];
  readonly summary: string;
  /** Whether it is this kernel of several for the operator; where there is one it is not asked. */
  fits?(node: Node, source: ProgramSource): boolean;
  /**
   * The operator.
   *
   * @throws NotInteger with the reason why the node is none in integers
   */
  read(node: Node, source: ProgramSource): ReadOperator;
}

/** The reason of what only follows from another: whatever made the floats has one of its own. */
export const READS_FLOATS = 'it reads floats';

/** Why a node is no integer operator. */
export class NotInteger extends Error {}

/** Codes of uint8 are int8 less this. */
const UINT8_SHIFT = 128;

/** What codes of a type are shifted by to be int8. */
export function shiftOf(grid: Pick<Grid, 'type' | 'scales' | 'block'>): number {
  if (grid.scales.length !== 1 || grid.block !== undefined)
    throw new NotInteger('an activation has several scales');
  if (grid.type === 'uint8') return UINT8_SHIFT;
  if (grid.type === 'int8') return 0;
  throw new NotInteger(`an activation is ${grid.type}`);
}

/** Whether a node is a product of two values that are both computed. */
export const isOfTwo = (node: Node, { qdq }: Pick<ProgramSource, 'qdq'>): boolean =>
  isOp(node, 'MatMul') &&
  node.inputs.every((value) => qdq.read(value)?.tensor === undefined && !qdq.graph.initializers.has(value));

/** The codes that a node reads at an input. */
export function activationAt(node: Node, index: number, { qdq }: ProgramSource): CodesRead {
  const read = qdq.read(node.inputs[index]);
  if (!read) throw new NotInteger(READS_FLOATS);
  shiftOf(read.grid);
  return read;
}

/** The codes that a float result becomes. */
export function resultOf(value: string, { qdq }: ProgramSource): CodesWritten {
  const written = qdq.written(value);
  if (!written) throw new NotInteger('its result is not quantized');
  shiftOf(written.grid);
  return written;
}

/** The bounds of int8 codes that are reached. */
export function boundsOf({ grid, low, high }: CodesWritten): { low: number; high: number } {
  const shift = shiftOf(grid);
  return { low: Math.max(-128, low - shift), high: Math.min(127, high - shift) };
}

/** Constant codes as int8. */
export function constantCodes({ tensor, grid }: CodesRead): Codes | undefined {
  if (!tensor) return undefined;
  const shift = shiftOf(grid);
  return { dims: tensor.dims, data: Int8Array.from(integersOf(tensor), (code) => code - shift) };
}

/** The one scale of an int8 value. */
export function scaleOf({ scale }: IntegerValue): number {
  if (typeof scale !== 'number') throw new Error('int32 sums have several scales');
  return scale;
}

/**
 * The form of a real multiplier in a network's arithmetic.
 *
 * @throws NotInteger where it has none
 */
export function formOf({ arithmetic }: ArithmeticSource, real: number): FixedPoint {
  const form = arithmetic.formOf(real);
  if (form) return form;
  const what = arithmetic.isShiftOnly ? 'is no power of two' : 'has no fixed-point form';
  throw new NotInteger(`its multiplier of ${real.toPrecision(3)} ${what}`);
}

/** Dimensions with the batch's filled in, from the element count that they must have. */
export function concrete(dims: Dims, elements: number): number[] {
  const known = dims.reduce<number>((product, dim) => product * (dim ?? 1), 1);
  return dims.map((dim) => dim ?? elements / known);
}
