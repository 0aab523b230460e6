import { type LinearLayer, outputChannelOf } from '../graph/linear-layer.js';
import { attribute, isOp, type Node, node } from '../graph/model.js';
import { type Tensor, tensorOf } from '../graph/tensor.js';
import { elementCount } from '../numerics/nd-array.js';

/** The size of a layer's weight as matrices. */
export interface MatrixSize {
  readonly groups: number;
  /** Output channels of one group. */
  readonly rows: number;
  /** Inputs of each output: channels of one group times places of the kernel. */
  readonly columns: number;
}

/** A layer's weight as matrices, one a group: outputs = weight · inputs, where the inputs are what each place reads. */
export interface WeightMatrix extends MatrixSize {
  /** For each row of all groups and each column, the element of the weight. */
  readonly elements: Int32Array;
}

export function matrixSizeOf({ weight, groups, outputChannels }: LinearLayer): MatrixSize {
  return { groups, rows: outputChannels / groups, columns: elementCount(weight.dims) / outputChannels };
}

/** The matrices of a layer. */
export function weightMatrixOf(layer: LinearLayer): WeightMatrix {
  const { weight: tensor, outputChannels } = layer;
  const count = elementCount(tensor.dims);
  const size = matrixSizeOf(layer);
  const { columns } = size;
  const channel = outputChannelOf(layer);
  const elements = new Int32Array(count);
  const next = new Int32Array(outputChannels);
  // Elements of one output channel follow one another by input channel, then by place of the kernel.
  for (let element = 0; element < count; element++) {
    const row = channel(element);
    elements[row * columns + (next[row] as number)] = element;
    next[row] = (next[row] as number) + 1;
  }
  return { ...size, elements };
}

/** The values of a weight as the rows of its matrices. */
export function rowsOf(values: ArrayLike<number>, { elements }: WeightMatrix): Float64Array {
  return Float64Array.from(elements, (element) => values[element] as number);
}

/** Nodes, and the constants that they read. */
export interface Fragment {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
}

export const isConvolution = (source: Node): boolean => isOp(source, 'Conv', 'ConvTranspose');

/** A product A·Bᵀ over the places of two such matrices, [groups, rows of A, rows of B]. */
export function product(a: string, b: string, groups: number, output: string): Node[] {
  if (groups === 1) return [node('Gemm', [a, b], [output], { transB: attribute.int(1) })];
  return [
    node('Transpose', [b], [`${output}/turned`], { perm: attribute.ints([0, 2, 1]) }),
    node('MatMul', [a, `${output}/turned`], [output]),
  ];
}

/** A second node that computes as another does; without its name, which must be the other's alone. */
export function copyOf(source: Node, inputs: readonly string[], outputs: readonly string[]): Node {
  const { opType, domain, attributes } = source;
  return { ...node(opType, inputs, outputs), domain, attributes };
}

export function int64s(values: readonly number[]): Tensor {
  return tensorOf({ type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) });
}

/** The rows of one group, of values that hold the rows of all groups one after the other. */
export const rowsOfGroup = (
  values: Float64Array,
  group: number,
  { rows, columns }: Pick<MatrixSize, 'rows' | 'columns'>,
): Float64Array[] => Array.from({ length: rows }, (_, row) => part(values, group * rows + row, columns));

/** The stretch of so many values with this number. */
export const part = (values: Float64Array, index: number, length: number): Float64Array =>
  values.subarray(index * length, (index + 1) * length);
