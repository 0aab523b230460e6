import { BIAS_INPUT } from '../graph/linear-layer.js';
import { inputAt, isOp, type Node } from '../graph/model.js';
import type { Grid } from '../graph/qdq-graph.js';
import { floatsOf, integersOf, type Tensor } from '../graph/tensor.js';
import type { Arithmetic, FixedPoint } from '../numerics/fixed-point.js';
import { channelAlong } from '../numerics/nd-array.js';
import { clamp } from '../numerics/round.js';
import {
  activationAt,
  boundsOf,
  formOf,
  NotInteger,
  type ProgramSource,
  scaleOf,
  shiftOf,
} from './kernel.js';
import type { IntegerValue } from './program.js';

/** What a layer's sums are made of and become. */
export interface LinearParameters {
  /** Zero point 0, row-major, output channels along the first axis. */
  readonly weight: Int8Array;
  readonly weightDims: readonly number[];
  /** One an output channel. */
  readonly weightScales: readonly number[];
  /** int32 at scale s_x·s_w. */
  readonly bias: Int32Array;
  /** bias − Z_x·Σw, what sums of code·weight start with (Jacob et al. 2018, eq. 7). */
  readonly start: Int32Array;
  /** M0 and shift of each output channel; empty where the sums stay int32. */
  readonly multipliers: Int32Array;
  readonly shifts: Int32Array;
  /** Codes of the fused clamp. */
  readonly low: number;
  readonly high: number;
  /** The largest magnitude that a sum can have: below 2^31. */
  readonly accumulatorBound: number;
}

/** A layer, its operands and its result. */
export interface ReadLinear {
  readonly input: IntegerValue;
  readonly output: IntegerValue;
  readonly parameters: LinearParameters;
  readonly nodes: readonly Node[];
}

/** From here on a sum does not fit int32. */
const SUM_LIMIT = 2 ** 31;

/**
 * Read a Conv, a Gemm or a MatMul with a constant weight.
 *
 * @param axis - the weight's axis of output channels
 * @param transposed - whether the weight is [inputs, outputs]
 */
export function readLinear(node: Node, source: ProgramSource, axis: number, transposed: boolean): ReadLinear {
  const { qdq } = source;
  const input = activationAt(node, 0, source);
  const weight = qdq.read(inputAt(node, 1));
  if (!weight?.tensor) throw new NotInteger('its weight is no constant in integers');
  const { codes, scales } = weightOf(weight.tensor, weight.grid, axis);
  const dims = weight.tensor.dims;
  const channels = dims[axis] ?? 1;
  const each = <T>(make: (channel: number) => T): T[] => Array.from({ length: channels }, (_, c) => make(c));
  const scaleAt = (c: number) => scales[scales.length === 1 ? 0 : c] as number;
  const read = source.valueOf(input);
  const products = each((c) => scaleOf(read) * scaleAt(c));
  const { bias, add } = biasOf(node, source, products);
  const value = (add ?? node).outputs[0] ?? '';
  const written = qdq.written(value);
  if (written) shiftOf(written.grid);

  const channelOf = channelAlong(dims, axis);
  const sums = new Float64Array(channels);
  const reach = new Float64Array(channels);
  const furthest = Math.max(127 - read.zeroPoint, read.zeroPoint + 128);
  codes.forEach((code, i) => {
    const c = channelOf(i);
    sums[c] = (sums[c] as number) + code;
    reach[c] = (reach[c] as number) + Math.abs(code) * furthest;
  });
  const accumulatorBound = Math.max(0, ...each((c) => (reach[c] as number) + Math.abs(bias[c] as number)));
  if (accumulatorBound >= SUM_LIMIT)
    throw new NotInteger(`its sums can reach ${accumulatorBound}, beyond int32`);
  const output: IntegerValue = written
    ? source.valueOf(written)
    : {
        name: value,
        type: 'int32',
        dims: source.dimsOf(value) ?? null,
        scale: products,
        axis: isOp(node, 'Conv') ? 1 : -1,
        zeroPoint: 0,
      };
  const forms = written ? products.map((product) => formOf(source, product / scaleOf(output))) : [];
  return {
    input: read,
    output,
    nodes: [...(add ? [add] : []), ...(written?.nodes ?? [])],
    parameters: {
      weight: transposed ? transpose(codes, dims) : codes,
      weightDims: transposed ? [...dims].reverse() : dims,
      weightScales: each(scaleAt),
      bias,
      start: Int32Array.from(bias, (b, c) => b - read.zeroPoint * (sums[c] as number)),
      multipliers: Int32Array.from(forms, ({ multiplier }) => multiplier),
      shifts: Int32Array.from(forms, (form) => form.shift),
      ...(written ? boundsOf(written) : { low: -SUM_LIMIT, high: SUM_LIMIT - 1 }),
      accumulatorBound,
    },
  };
}

/** What makes codes of the sums of an output channel (eq. 5, §2.4); int32 sums that nothing requantizes stay. */
export function requantizerOf(
  { multipliers, shifts, low, high }: LinearParameters,
  zeroPoint: number,
  { multiply }: Arithmetic,
): (sum: number, channel: number) => number {
  if (multipliers.length === 0) return (sum) => sum;
  return (sum, channel) => {
    const form: FixedPoint = { multiplier: multipliers[channel] as number, shift: shifts[channel] as number };
    return clamp(multiply(sum, form) + zeroPoint, low, high);
  };
}

/** Integers of a weight less their zero points, as int8. */
function weightOf(tensor: Tensor, grid: Grid, axis: number): { codes: Int8Array; scales: readonly number[] } {
  if (grid.block !== undefined) throw new NotInteger('its weight has scales in blocks');
  if (!['int8', 'uint8'].includes(tensor.dataType)) throw new NotInteger(`its weight is ${tensor.dataType}`);
  const along = grid.axis < 0 ? grid.axis + tensor.dims.length : grid.axis;
  if (grid.scales.length > 1 && along !== axis)
    throw new NotInteger('its weight has scales along another axis than the output channels');
  const channelOf = channelAlong(tensor.dims, grid.scales.length > 1 ? axis : undefined);
  const codes = integersOf(tensor).map((code, i) => code - (grid.zeroPoints[channelOf(i)] ?? 0));
  if (codes.some((code) => code < -128 || code > 127))
    throw new NotInteger('its weight has a zero point that int8 without one cannot hold');
  return { codes: Int8Array.from(codes), scales: Array.from(grid.scales) };
}

/** The bias in int32 at scale s_x·s_w: its own, or that of the Add behind a MatMul. */
function biasOf(node: Node, { qdq }: ProgramSource, products: readonly number[]) {
  const [output = ''] = node.outputs;
  const next = qdq.uses.onlyReader(output);
  const add = isOp(node, 'MatMul') && next && isOp(next, 'Add') ? next : undefined;
  const name = add ? add.inputs.find((value) => value !== output) : inputAt(node, BIAS_INPUT);
  const values = name === undefined ? undefined : biasValues(name, qdq, products);
  if (name !== undefined && !values && !add) throw new NotInteger('its bias is not constant');
  // An Add of something else is an operator of its own.
  return { bias: values ?? new Int32Array(products.length), add: values && add };
}

function biasValues(
  name: string,
  qdq: ProgramSource['qdq'],
  products: readonly number[],
): Int32Array | undefined {
  const read = qdq.read(name);
  const float = qdq.graph.initializers.get(name);
  const reals = read?.tensor
    ? integersOf(read.tensor).map((code, c) => {
        const at = read.grid.scales.length === 1 ? 0 : c;
        return (code - (read.grid.zeroPoints[at] ?? 0)) * (read.grid.scales[at] as number);
      })
    : float && Array.from(floatsOf(float));
  if (!reals || (reals.length !== products.length && reals.length !== 1)) return undefined;
  return Int32Array.from(products, (product, c) =>
    Math.round((reals[reals.length === 1 ? 0 : c] ?? 0) / product),
  );
}

function transpose(codes: Int8Array, [rows = 0, columns = 0]: readonly number[]): Int8Array {
  const result = new Int8Array(codes.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = codes[row * columns + column] as number;
  return result;
}
