import type { LinearLayer } from '../graph/linear-layer.js';
import {
  type Attribute,
  attribute,
  intAttribute,
  intsAttribute,
  isOp,
  type Node,
  node,
  stringAttribute,
} from '../graph/model.js';
import { type Tensor, tensorOf } from '../graph/tensor.js';
import { elementCount } from '../numerics/nd-array.js';
import { type Fragment, int64s, isConvolution, matrixSizeOf } from './weight-matrix.js';

/** How a layer's places are laid out in a matrix. */
export interface Places {
  readonly opset: number;
  /** Of a convolution's places, along each axis, one in so many is read. */
  readonly every: number;
}

/**
 * What a layer's places read, as a matrix [groups, columns, places], without the first axis for one group: im2col.
 *
 * @param input - the name of the layer's input
 * @param output - the name of the matrix; the names of what lies between begin with it
 */
export function unfolded(layer: LinearLayer, input: string, output: string, places: Places): Fragment {
  if (!isConvolution(layer.node)) return turnedRows(layer, input, output);
  return canSlice(layer, places.opset)
    ? unfoldedBySlices(layer, input, output, places.every)
    : unfoldedByKernels(layer, input, output);
}

/** Whether im2col of a layer can be a slice of its padded input for each place of the kernel, so that places can be left out. */
export function canSlice({ node: source }: LinearLayer, opset: number): boolean {
  const auto = stringAttribute(source, 'auto_pad', 'NOTSET');
  return isOp(source, 'Conv') && opset >= SLICE_STEPS && (auto === 'NOTSET' || auto === 'VALID');
}

/** The opset from which Pad and Slice take their numbers as inputs, Slice with steps. */
const SLICE_STEPS = 11;

/** The end of an axis, as Slice takes it. */
const END = Number.MAX_SAFE_INTEGER;

/** The rows of a product's left side, turned. */
function turnedRows(layer: LinearLayer, input: string, output: string): Fragment {
  const { columns } = matrixSizeOf(layer);
  const constants = new Map<string, Tensor>();
  const nodes: Node[] = [];
  // A Gemm may read its input transposed already.
  const isTransposed = isOp(layer.node, 'Gemm') && intAttribute(layer.node, 'transA', 0) !== 0;
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

/** By a slice of the padded input for each place of the kernel: copies alone. */
function unfoldedBySlices(layer: LinearLayer, input: string, output: string, every: number): Fragment {
  const { node: source, weight: tensor, groups } = layer;
  const kernel = tensor.dims.slice(2);
  const axes = kernel.map((_, axis) => axis + 2);
  const ones = kernel.map(() => 1);
  const strides = intsAttribute(source, 'strides') ?? ones;
  const dilations = intsAttribute(source, 'dilations') ?? ones;
  const isValid = stringAttribute(source, 'auto_pad', 'NOTSET') === 'VALID';
  const pads = (isValid ? undefined : intsAttribute(source, 'pads')) ?? [...ones, ...ones].map(() => 0);
  const constants = new Map([
    [`${output}/axes`, int64s(axes)],
    [`${output}/steps`, int64s(strides.map((stride) => stride * every))],
    [`${output}/apart`, int64s([0, 1, -1])],
    [`${output}/shape`, matrixShape(groups, matrixSizeOf(layer).columns)],
  ]);
  const perm = [1, 0, ...axes];
  const nodes = [node('Transpose', [input], [`${output}/turned`], { perm: attribute.ints(perm) })];
  let padded = `${output}/turned`;
  if (pads.some((pad) => pad !== 0)) {
    const half = kernel.length;
    constants.set(`${output}/pads`, int64s([0, 0, ...pads.slice(0, half), 0, 0, ...pads.slice(half)]));
    padded = `${output}/padded`;
    nodes.push(node('Pad', [`${output}/turned`, `${output}/pads`], [padded]));
  }
  const slices = placesOf(kernel).map((place, i) => {
    const [from, to, slice] = [`${output}/from${i}`, `${output}/to${i}`, `${output}/slice${i}`];
    const start = place.map((at, axis) => at * (dilations[axis] as number));
    const rest = kernel.map(
      (size, axis) => (size - 1) * (dilations[axis] as number) - (start[axis] as number),
    );
    constants.set(from, int64s(start));
    constants.set(to, int64s(rest.map((left) => (left === 0 ? END : -left))));
    nodes.push(
      node('Slice', [padded, from, to, `${output}/axes`, `${output}/steps`], [slice]),
      node('Reshape', [slice, `${output}/apart`], [`${slice}/flat`]),
    );
    return `${slice}/flat`;
  });
  nodes.push(
    node('Concat', slices, [`${output}/places`], { axis: attribute.int(1) }),
    node('Reshape', [`${output}/places`, `${output}/shape`], [output]),
  );
  return { nodes, constants };
}

/** The places of a kernel, the last axis first. */
function placesOf(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (places, size) => places.flatMap((place) => Array.from({ length: size }, (_, at) => [...place, at])),
    [[]],
  );
}

/** By a convolution of each channel alone with kernels that are 1 at one place: strides, padding and dilations are the layer's own. */
function unfoldedByKernels(layer: LinearLayer, input: string, output: string): Fragment {
  const { node: source, weight: tensor, groups, inputChannels } = layer;
  const constants = new Map<string, Tensor>();
  const nodes: Node[] = [];
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
  constants.set(`${output}/shape`, matrixShape(groups, matrixSizeOf(layer).columns));
  return { nodes, constants };
}

/**
 * Every so many places of a layer's results, along each axis: those that `unfolded` reads.
 *
 * @param value - the name of the layer's output, or of anything of its shape
 */
export function thinned(
  { weight: tensor }: LinearLayer,
  value: string,
  output: string,
  every: number,
): Fragment {
  const axes = tensor.dims.slice(2).map((_, axis) => axis + 2);
  const constants = new Map([
    [`${output}/from`, int64s(axes.map(() => 0))],
    [`${output}/to`, int64s(axes.map(() => END))],
    [`${output}/axes`, int64s(axes)],
    [`${output}/steps`, int64s(axes.map(() => every))],
  ]);
  return { nodes: [node('Slice', [value, ...constants.keys()], [output])], constants };
}

/**
 * The results of a layer as a matrix [groups, rows, places], in the same form and order of places.
 *
 * @param value - the name of the layer's output, or of anything of its shape
 */
export function outputMatrix(layer: LinearLayer, value: string, output: string): Fragment {
  const { node: source, groups, outputChannels, weight: tensor } = layer;
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
