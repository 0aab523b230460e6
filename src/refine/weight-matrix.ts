import { type LinearLayer, outputChannelOf } from '../graph/linear-layer.js';
import { type Attribute, attribute, intAttribute, isOp, type Node, node } from '../graph/model.js';
import { type Tensor, tensorOf } from '../graph/tensor.js';
import { elementCount } from '../numerics/nd-array.js';

/** A layer's weight as matrices, one a group: outputs = weight · inputs, where the inputs are what each place reads. */
export interface WeightMatrix {
  readonly groups: number;
  /** Output channels of one group. */
  readonly rows: number;
  /** Inputs of each output: channels of one group times places of the kernel. */
  readonly columns: number;
  /** For each row of all groups and each column, the element of the weight. */
  readonly elements: Int32Array;
}

/** The matrices of a layer. */
export function weightMatrixOf(layer: LinearLayer): WeightMatrix {
  const { tensor, groups, outputChannels } = layer;
  const count = elementCount(tensor.dims);
  const columns = count / outputChannels;
  const channel = outputChannelOf(layer);
  const elements = new Int32Array(count);
  const next = new Int32Array(outputChannels);
  // Elements of one output channel follow one another by input channel, then by place of the kernel.
  for (let element = 0; element < count; element++) {
    const row = channel(element);
    elements[row * columns + (next[row] as number)] = element;
    next[row] = (next[row] as number) + 1;
  }
  return { groups, rows: outputChannels / groups, columns, elements };
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

/**
 * What a layer's places read, as a matrix [groups, columns, places], without the first axis for one group: im2col, by a convolution of each channel alone with
 * kernels that are 1 at one place, so that strides, padding and dilations are the layer's own.
 *
 * @param input - the name of the layer's input
 * @param output - the name of the matrix; the names of what lies between begin with it
 */
export function unfolded(layer: LinearLayer, input: string, output: string): Fragment {
  const { node: source, tensor, groups, inputChannels } = layer;
  const { columns } = weightMatrixOf(layer);
  const constants = new Map<string, Tensor>();
  const nodes: Node[] = [];
  if (!isConvolution(source)) {
    // A Gemm may read its input transposed already.
    const isTransposed = isOp(source, 'Gemm') && intAttribute(source, 'transA', 0) !== 0;
    const flat = isTransposed ? input : `${output}/rows`;
    if (!isTransposed) {
      constants.set(`${output}/rows_shape`, int64s([-1, columns]));
      nodes.push(node('Reshape', [input, `${output}/rows_shape`], [`${output}/flat`]));
      nodes.push(node('Transpose', [`${output}/flat`], [flat], { perm: attribute.ints([1, 0]) }));
    }
    constants.set(`${output}/shape`, int64s([columns, -1]));
    nodes.push(node('Reshape', [flat, `${output}/shape`], [output]));
    return { nodes, constants };
  }
  const kernel = tensor.dims.slice(2);
  const places = elementCount(kernel);
  let read = input;
  if (!isPlain(source, places)) {
    const data = new Float32Array(inputChannels * places * places);
    for (let at = 0; at < inputChannels * places; at++) data[at * places + (at % places)] = 1;
    // Both kinds of convolution have the same shape here: one input channel a group, so many outputs of it.
    const dims = isOp(source, 'Conv')
      ? [inputChannels * places, 1, ...kernel]
      : [inputChannels, places, ...kernel];
    constants.set(`${output}/kernel`, tensorOf({ type: 'float32', dims, data }));
    const attributes: Map<string, Attribute> = new Map(source.attributes);
    attributes.set('group', attribute.int(inputChannels));
    read = `${output}/places`;
    const made = node(source.opType, [input, `${output}/kernel`], [read]);
    nodes.push({ ...made, attributes });
  }
  nodes.push(...channelsFirst(read, output, kernel.length));
  constants.set(`${output}/shape`, matrixShape(groups, columns));
  return { nodes, constants };
}

/**
 * The results of a layer as a matrix [groups, rows, places], in the same form and order of places.
 *
 * @param value - the name of the layer's output, or of anything of its shape
 */
export function outputMatrix(layer: LinearLayer, value: string, output: string): Fragment {
  const { node: source, groups, outputChannels, tensor } = layer;
  const rows = outputChannels / groups;
  if (isConvolution(source)) {
    const nodes = channelsFirst(value, output, tensor.dims.length - 2);
    return { nodes, constants: new Map([[`${output}/shape`, matrixShape(groups, rows)]]) };
  }
  const constants = new Map([
    [`${output}/rows_shape`, int64s([-1, rows])],
    [`${output}/shape`, int64s([rows, -1])],
  ]);
  const nodes = [
    node('Reshape', [value, `${output}/rows_shape`], [`${output}/flat`]),
    node('Transpose', [`${output}/flat`], [`${output}/turned`], { perm: attribute.ints([1, 0]) }),
    node('Reshape', [`${output}/turned`, `${output}/shape`], [output]),
  ];
  return { nodes, constants };
}

export const isConvolution = (source: Node): boolean => isOp(source, 'Conv', 'ConvTranspose');

/** A kernel of one place without strides and padding reads its input as it is. */
function isPlain({ attributes }: Node, places: number): boolean {
  if (places !== 1) return false;
  const isOnly = (name: string, value: bigint) => {
    const found = attributes.get(name);
    return found === undefined || (found.kind === 'ints' && found.value.every((each) => each === value));
  };
  return isOnly('strides', 1n) && isOnly('pads', 0n) && isOnly('output_padding', 0n);
}

/** [n, channels, …] → channels first → the shape named after the output. */
function channelsFirst(value: string, output: string, spatial: number): Node[] {
  const perm = [1, 0, ...Array.from({ length: spatial }, (_, axis) => axis + 2)];
  return [
    node('Transpose', [value], [`${output}/turned`], { perm: attribute.ints(perm) }),
    node('Reshape', [`${output}/turned`, `${output}/shape`], [output]),
  ];
}

const matrixShape = (groups: number, rows: number): Tensor =>
  int64s(groups === 1 ? [rows, -1] : [groups, rows, -1]);

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
