import { type ActivationQuantizer, CODES, isWide, LARGEST_CODE } from '../numerics/activation.js';
import type { NdArray } from '../numerics/nd-array.js';
import { clamp } from '../numerics/round.js';
import { dataTypeCodes } from './data-type.js';
import { attribute, type Node, node } from './model.js';

/** Where a builder puts what it needs: names that are free, and constants. */
export interface NodeScope {
  /** A free name, made of the value's and this suffix. */
  fresh(suffix: string): string;
  /** A constant of this value alone. */
  constant(suffix: string, array: NdArray): string;
  /** A uint8 scalar. Rank 0: onnxruntime refuses activation parameters of shape [1]. */
  uint8(code: number): string;
  int64List(values: readonly number[]): string;
}

/** A scope whose names begin with one name, each constant its own: for graphs that are run, not written. */
export function scopeOf(
  prefix: string,
  fresh: (wanted: string) => string,
  add: (wanted: string, array: NdArray) => string,
): NodeScope {
  const constant = (suffix: string, array: NdArray) => add(`${prefix}_${suffix}`, array);
  return {
    fresh: (suffix) => fresh(`${prefix}_${suffix}`),
    constant,
    uint8: (code) => constant(`u8_${code}`, { type: 'uint8', dims: [], data: Uint8Array.of(code) }),
    int64List: (values) =>
      constant('shape', { type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) }),
  };
}

/** Names of the scale and the zero point of a value, both of rank 0. */
export type Parameters = readonly [scale: string, zeroPoint: string];

/** The codes that a value can have. */
export interface CodeRange {
  readonly low: number;
  readonly high: number;
}

/**
 * A float value → the codes of its quantizer: Q; behind it a Clip where fewer codes than uint8's are reached, or a table
 * that says what becomes of each code.
 *
 * @param value - the float value that Q reads
 * @param parameters - of that Q
 * @param codes - the name that the codes get
 * @param reached - the codes that are reached: those of the quantizer, or fewer where a clamp is fused into it
 */
export function quantizeNodes(
  value: string,
  quantizer: ActivationQuantizer,
  parameters: Parameters,
  codes: string,
  scope: NodeScope,
  reached: CodeRange = quantizer.grid,
): Node[] {
  const { low, high } = reached;
  const hasTable = quantizer.kind === 'lut';
  // Of 16 bits the range ends where a clamp does: there is no Clip of such codes.
  if (isWide(quantizer.grid) || (!hasTable && low === 0 && high === LARGEST_CODE))
    return [node('QuantizeLinear', [value, ...parameters], [codes])];
  const wide = scope.fresh('q8');
  const quantized = node('QuantizeLinear', [value, ...parameters], [wide]);
  if (hasTable) return [quantized, ...replaceCodes(wide, quantizer.table, reached, codes, scope)];
  return [quantized, node('Clip', [wide, scope.uint8(low), scope.uint8(high)], [codes])];
}

/**
 * A float value → the floats that its quantizer makes of it: Q → Clip or table → DQ, with parameters of its own. 16 bits are
 * taken as exact: their steps are finer than those of what is simulated beside them, and Q of uint16 needs opset 21.
 */
export function fakeQuantizeNodes(
  value: string,
  quantizer: ActivationQuantizer,
  output: string,
  scope: NodeScope,
): { readonly nodes: readonly Node[]; readonly parameters: Parameters } {
  const { scale, zeroPoint } = quantizer.grid;
  const step = scope.constant('s', { type: 'float32', dims: [], data: Float32Array.of(scale) });
  if (isWide(quantizer.grid)) {
    const data = Uint16Array.of(zeroPoint);
    const zero = scope.constant('z', { type: 'uint16', dims: [], data });
    return { nodes: [node('Identity', [value], [output])], parameters: [step, zero] };
  }
  const parameters: Parameters = [
    step,
    scope.constant('z', { type: 'uint8', dims: [], data: Uint8Array.of(zeroPoint) }),
  ];
  const codes = scope.fresh('codes');
  const nodes = [
    ...quantizeNodes(value, quantizer, parameters, codes, scope),
    dequantizeNode(codes, parameters, output),
  ];
  return { nodes, parameters };
}

/** Codes → floats. */
export const dequantizeNode = (codes: string, parameters: Parameters, output: string): Node =>
  node('DequantizeLinear', [codes, ...parameters], [output]);

/**
 * Q → Cast → GatherElements of a table: integer operators before and behind it keep their kernels. The table clamps,
 * too. The codes lie in one row for it: a Gather, which needs no Reshape, takes 4 to 5 times as long (measured).
 */
function replaceCodes(
  wide: string,
  table: Uint8Array,
  { low, high }: CodeRange,
  codes: string,
  scope: NodeScope,
): Node[] {
  const data = Uint8Array.from({ length: CODES }, (_, code) => table[clamp(code, low, high)] as number);
  const levels = scope.constant('table', { type: 'uint8', dims: [1, CODES], data });
  const [indices, row, found, shape] = ['q32', 'row', 'found', 'shape'].map((suffix) =>
    scope.fresh(suffix),
  ) as [string, string, string, string];
  const to = attribute.int(dataTypeCodes.int32);
  return [
    node('Cast', [wide], [indices], { to }),
    node('Reshape', [indices, scope.int64List([1, -1])], [row]),
    node('GatherElements', [levels, row], [found], { axis: attribute.int(1) }),
    node('Shape', [wide], [shape]),
    node('Reshape', [found, shape], [codes]),
  ];
}
