import { channelAlong, elementCount } from '../numerics/nd-array.js';
import { type Graph, inputAt, intAttribute, isOp, type Node } from './model.js';
import { isFloatTensor, type Tensor } from './tensor.js';

/** A node that is linear in a constant float weight: Conv, ConvTranspose, Gemm, or MatMul with a constant right side. */
export interface LinearLayer {
  readonly node: Node;
  /** Name of the weight initializer. */
  readonly weightName: string;
  readonly weight: Tensor;
  /** Name of the bias; undefined where there is none, or no place for one (MatMul). */
  readonly bias: string | undefined;
  /** Axis of the weight that the output channels run along: for ConvTranspose, within a group. */
  readonly outputAxis: number;
  readonly outputChannels: number;
  readonly inputChannels: number;
  readonly groups: number;
}

/** Index of the bias among a layer's inputs. */
export const BIAS_INPUT = 2;

/** The linear layer that a node is; undefined where it is none, or its weight is no constant of a float type. */
export function linearLayerOf(graph: Graph, node: Node): LinearLayer | undefined {
  const weightName = inputAt(node, 1);
  const weight = weightName === undefined ? undefined : graph.initializers.get(weightName);
  if (!weightName || !weight || !isFloatTensor(weight)) return undefined;
  const { dims } = weight;
  const shared = { node, weightName, weight, bias: inputAt(node, BIAS_INPUT) };

  if (isOp(node, 'Conv') && dims.length >= 3) {
    const groups = intAttribute(node, 'group', 1);
    const [outputs = 0, inputs = 0] = dims;
    return { ...shared, outputAxis: 0, outputChannels: outputs, inputChannels: inputs * groups, groups };
  }
  if (isOp(node, 'ConvTranspose') && dims.length >= 3) {
    const groups = intAttribute(node, 'group', 1);
    const [inputs = 0, outputs = 0] = dims;
    return { ...shared, outputAxis: 1, outputChannels: outputs * groups, inputChannels: inputs, groups };
  }
  if (isOp(node, 'Gemm') && dims.length === 2) {
    const transposed = intAttribute(node, 'transB', 0) !== 0;
    const [rows = 0, columns = 0] = dims;
    return transposed
      ? { ...shared, outputAxis: 0, outputChannels: rows, inputChannels: columns, groups: 1 }
      : { ...shared, outputAxis: 1, outputChannels: columns, inputChannels: rows, groups: 1 };
  }
  if (isOp(node, 'MatMul') && dims.length === 2) {
    const [rows = 0, columns = 0] = dims;
    return {
      ...shared,
      bias: undefined,
      outputAxis: 1,
      outputChannels: columns,
      inputChannels: rows,
      groups: 1,
    };
  }
  return undefined;
}

/** For each element of the weight, row-major, the output channel that it contributes to. */
export function outputChannelOf(layer: LinearLayer): (element: number) => number {
  const { weight, outputAxis, inputChannels, groups } = layer;
  const along = channelAlong(weight.dims, outputAxis);
  if (groups === 1 || outputAxis === 0) return along;
  // ConvTranspose [C, M/groups, …]: axis 1 counts within a group, and the group of the channel along axis 0 picks the block.
  const perGroup = elementCount(weight.dims.slice(outputAxis)) * (inputChannels / groups);
  return (element) => Math.floor(element / perGroup) * (weight.dims[outputAxis] ?? 1) + along(element);
}

/** The first element of the weight that contributes to an output channel. */
export function firstElementOf(
  { weight: { dims }, outputAxis, groups }: LinearLayer,
  output: number,
): number {
  const along = dims[outputAxis] ?? 1;
  const stride = elementCount(dims.slice(outputAxis + 1));
  // ConvTranspose [C, M/groups, …]: its groups are blocks along axis 0.
  return Math.floor(output / along) * (elementCount(dims) / groups) + (output % along) * stride;
}

/**
 * Visits the weight kernel by kernel, row-major: the elements from one to another, exclusive, that join an input channel to
 * an output channel.
 */
export function eachKernel(
  { weight: { dims }, outputAxis, inputChannels, outputChannels, groups }: LinearLayer,
  visit: (output: number, input: number, from: number, to: number) => void,
): void {
  const [rows = 1, columns = 1, ...rest] = dims;
  const size = elementCount(rest);
  const rowsInGroup = (outputAxis === 0 ? outputChannels : inputChannels) / groups;
  let from = 0;
  for (let row = 0; row < rows; row++) {
    const first = Math.floor(row / rowsInGroup) * columns;
    for (let column = 0; column < columns; column++) {
      const other = first + column;
      if (outputAxis === 0) visit(row, other, from, from + size);
      else visit(other, row, from, from + size);
      from += size;
    }
  }
}
