import { type Graph, inputAt, intAttribute, isOp, type Node, stringAttribute } from './model.js';
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

/** One weight, of a fixed input, with its output channels along one axis. */
const along =
  (axis: number, input = 1): WeightRule =>
  (_, at) => {
    const rank = at(input)?.dims.length ?? 0;
    return rank >= 2 ? [{ input, axis: axis < 0 ? rank + axis : axis }] : [];
  };

/** [directions, rows, columns]: every row of every direction has a scale of its own. */
const recurrent: WeightRule = (_, at) =>
  [1, 2].flatMap((input): WeightInput[] => {
    const [directions = 0, rows = 0, columns = 0] = at(input)?.dims ?? [];
    if (columns === 0) return [];
    if (directions === 1) return [{ input, axis: 1 }];
    return [{ input, axis: 0, dims: [directions * rows, columns] }];
  });

/** A MatMul's constant: the rows of one on the left, the columns of one on the right; a vector has one scale. */
const matrix =
  (isTransposed: (node: Node, input: number) => boolean): WeightRule =>
  (node, at) => {
    const input = at(1) ? 1 : 0;
    const dims = at(input)?.dims;
    if (!dims || at(1 - input)) return [];
    if (dims.length < 2) return [{ input, axis: 0, dims: [1, ...dims] }];
    const isAcross = isTransposed(node, input) !== (input === 0);
    return [{ input, axis: dims.length - (isAcross ? 2 : 1) }];
  };

const gemmTransposes = (node: Node, input: number): boolean =>
  intAttribute(node, input === 0 ? 'transA' : 'transB', 0) !== 0;

/** An Einsum's constant: a label of it that the result has, too, numbers the channels. */
const einsum: WeightRule = (node, at) => {
  const [terms = '', result] = stringAttribute(node, 'equation', '').replaceAll(' ', '').split('->');
  const constants = node.inputs.flatMap((_, input) => (at(input) ? [input] : []));
  const [input] = constants;
  const labels = terms.split(',')[input ?? 0] ?? '';
  if (input === undefined || constants.length > 1 || !/^[a-zA-Z]{2,}$/.test(labels)) return [];
  const axis = [...labels].findLastIndex((label) => result?.includes(label));
  return axis < 0 ? [] : [{ input, axis }];
};

/**
 * The weights of operators of the default domain. A Conv's, and a matrix on the right of a Gemm or a MatMul, are a layer's
 * instead.
 */
export const weightRules: Readonly<Record<string, WeightRule>> = {
  ConvTranspose: along(1),
  DeformConv: along(0),
  Einsum: einsum,
  GRU: recurrent,
  Gather: along(0, 0),
  Gemm: matrix(gemmTransposes),
  LSTM: recurrent,
  MatMul: matrix(() => false),
  RNN: recurrent,
};

/** Those of onnxruntime's own operators. */
const runtimeRules: Readonly<Record<string, WeightRule>> = {
  Attention: along(1),
  ConvTransposeWithDynamicPads: along(1),
  FusedConv: along(0),
  FusedGemm: matrix(gemmTransposes),
  FusedMatMul: matrix(gemmTransposes),
  FusedMatMulActivation: matrix(gemmTransposes),
  NhwcFusedConv: along(0),
  TransposeMatMul: matrix(gemmTransposes),
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
