import { equationOf } from './einsum.js';
import { type Graph, inputAt, intAttribute, isOp, type Node } from './model.js';
import type { Tensor } from './tensor.js';

/** Domain of the operators that onnxruntime itself makes when it optimizes a model. */
const RUNTIME = 'com.microsoft';

/** A constant that an operator reads as its weight. */
export interface WeightInput {
  readonly input: number;
  /** Axis of the output channels, that the scales run along, in `dims`. */
  readonly axis: number;
  /** The shape that has such an axis, where the constant's own has none: the same elements in the same order. */
  readonly dims?: readonly number[];
}

/** Weights of an operator that stays float: they are stored in few bits all the same. */
export interface StorableWeights {
  readonly inputs: readonly WeightInput[];
  /** `constant`: made float when the model loads. `rows`: only the rows that are looked up are made float. */
  readonly form: 'constant' | 'rows';
}

/** The weights of an operator; undefined where what it reads as such is none that is stored. */
type WeightRule = (node: Node, constantAt: (input: number) => Tensor | undefined) => WeightInput[];

/** Weights of fixed inputs, with their output channels along one axis. */
const along =
  (axis: number, ...inputs: readonly number[]): WeightRule =>
  (_, at) =>
    inputs.flatMap((input): WeightInput[] => {
      const rank = at(input)?.dims.length ?? 0;
      return rank >= 2 ? [{ input, axis: axis < 0 ? rank + axis : axis }] : [];
    });

/** The rows of a stack of matrices, each with a scale of its own. */
function stackedRows(input: number, dims: readonly number[]): WeightInput {
  const columns = dims.at(-1) ?? 0;
  return { input, axis: 0, dims: [dims.slice(0, -1).reduce((product, size) => product * size, 1), columns] };
}

/** [directions, rows, columns] or [experts, rows, columns]: every row of each has a scale of its own. */
const stacked =
  (...inputs: readonly number[]): WeightRule =>
  (_, at) =>
    inputs.flatMap((input): WeightInput[] => {
      const dims = at(input)?.dims ?? [];
      if (dims.length !== 3 || dims[2] === 0) return [];
      return [dims[0] === 1 ? { input, axis: 1 } : stackedRows(input, dims)];
    });

/**
 * A MatMul's constant: the rows of one on the left, of every matrix of a stack; the columns of one on the right, which the
 * matrices of a stack share; a vector has one scale.
 */
const matrix =
  (isTransposed: (node: Node, input: number) => boolean): WeightRule =>
  (node, at) => {
    const input = at(1) ? 1 : 0;
    const dims = at(input)?.dims;
    if (!dims || at(1 - input)) return [];
    if (dims.length < 2) return [{ input, axis: 0, dims: [1, ...dims] }];
    const isAcross = isTransposed(node, input) !== (input === 0);
    if (!isAcross) return [{ input, axis: dims.length - 1 }];
    return [dims.length === 2 ? { input, axis: 0 } : stackedRows(input, dims)];
  };

const gemmTransposes = (node: Node, input: number): boolean =>
  intAttribute(node, input === 0 ? 'transA' : 'transB', 0) !== 0;

/**
 * An Einsum's constants: a label that the result has, too, numbers the channels, else the last one; a vector that is summed
 * over has one scale. A vector that is not summed over is a factor, and none.
 */
const einsum: WeightRule = (node, at) => {
  const { terms, result } = equationOf(node);
  return terms.flatMap((term, input): WeightInput[] => {
    const dims = at(input)?.dims;
    // Behind an ellipsis labels name the last axes.
    const labels = /^(\.\.\.)?([a-zA-Z]+)$/.exec(term)?.[2];
    if (!dims || !labels) return [];
    const place = [...labels].findLastIndex((label) => result.includes(label));
    if (dims.length < 2) return place < 0 ? [{ input, axis: 0, dims: [1, ...dims] }] : [];
    return [{ input, axis: place < 0 ? dims.length - 1 : dims.length - labels.length + place }];
  });
};

/**
 * The weights of operators of the default domain. A Conv's, and a matrix on the right of a Gemm or a MatMul, are a layer's
 * instead.
 */
export const weightRules: Readonly<Record<string, WeightRule>> = {
  ConvTranspose: along(1, 1),
  DeformConv: along(0, 1),
  Einsum: einsum,
  GRU: stacked(1, 2),
  Gather: along(0, 0),
  GatherND: along(0, 0),
  Gemm: matrix(gemmTransposes),
  LSTM: stacked(1, 2),
  MatMul: matrix(() => false),
  RNN: stacked(1, 2),
};

/** Those of onnxruntime's own operators. */
const runtimeRules: Readonly<Record<string, WeightRule>> = {
  Attention: along(1, 1),
  ConvTransposeWithDynamicPads: along(1, 1),
  /** The tables of words, of positions and of segments. */
  EmbedLayerNormalization: along(0, 2, 3, 4),
  FusedConv: along(0, 1),
  FusedGemm: matrix(gemmTransposes),
  FusedMatMul: matrix(gemmTransposes),
  FusedMatMulActivation: matrix(gemmTransposes),
  /** The weights of all experts. */
  MoE: stacked(2, 4, 6),
  NhwcFusedConv: along(0, 1),
  TransposeMatMul: matrix(gemmTransposes),
  /** The kernels over characters, and the table of these. */
  WordConvEmbedding: along(0, 1, 3),
};

function ruleOf({ domain, opType }: Node): WeightRule | undefined {
  const rules = domain === '' ? weightRules : domain === RUNTIME ? runtimeRules : {};
  return Object.hasOwn(rules, opType) ? rules[opType] : undefined;
}

/** Whether an operator computes with weights, if they are constants. */
export const takesWeights = (node: Node): boolean => isOp(node, 'Conv') || ruleOf(node) !== undefined;

/**
 * The weights of a node that can be stored in few bits under float arithmetic: constants of float32.
 *
 * Gemm and MatMul with a matrix on the right are layers, and not here.
 */
export function storableOf(node: Node, graph: Graph): StorableWeights | undefined {
  const constantAt = (input: number) => {
    const tensor = graph.initializers.get(inputAt(node, input) ?? '');
    return tensor?.dataType === 'float32' ? tensor : undefined;
  };
  if (isOp(node, 'MatMul', 'Gemm') && constantAt(1)?.dims.length === 2) return undefined;
  const inputs = ruleOf(node)?.(node, constantAt) ?? [];
  if (inputs.length === 0) return undefined;
  const isTable = isOp(node, 'Gather') && constantAt(0)?.dims.length === 2;
  return { inputs, form: isTable && intAttribute(node, 'axis', 0) === 0 ? 'rows' : 'constant' };
}
