import { RUNTIME_DOMAIN } from '../graph/integer-forms.js';
import { inputAt, intAttribute, intsAttribute, type Node } from '../graph/model.js';

/**
 * What an operator does in float16.
 *
 * - `computes`: layers, normalizations, and what works element by element: in float16 wherever it stands.
 * - `moves`: gives what it gets: it is of float16 where what it reads is.
 */
export interface HalfRule {
  readonly kind: 'computes' | 'moves';
  /** The inputs that are of the type that it computes in; all of them by default. */
  readonly floats?: readonly number[];
  /** Whether onnxruntime on x86 has a kernel for it; it puts a Cast on either side of the others. */
  readonly own?: boolean;
}

const computes: HalfRule = { kind: 'computes' };
const own: HalfRule = { kind: 'computes', own: true };
const moves: HalfRule = { kind: 'moves', own: true, floats: [0] };
const movesByCasts: HalfRule = { kind: 'moves', floats: [0] };

/**
 * Operators of the default domain that are written in float16: of those that onnxruntime's converter makes so
 * (onnxruntime.transformers.float16, whose list is of those that it leaves).
 * What its CPU provider has is measured, by the operators of its optimized graph (1.30, x86):
 * `test/emit/half-operators.test.ts` asks it again.
 *
 * Not among them, and so in float32: sums, products and powers of many values (Reduce…, CumSum, Pow, Exp), whose result or whose
 * parts leave float16's range where their input does not; LSTM, GRU and RNN, whose states go round; what has no float16 in the
 * standard or in onnxruntime's converter (Range, TopK, NonMaxSuppression, RoiAlign, Upsample).
 */
export const halfOperators: Readonly<Record<string, HalfRule>> = {
  Conv: computes,
  ConvTranspose: computes,
  Gemm: computes,
  MatMul: computes,
  Einsum: computes,

  Abs: computes,
  Add: computes,
  AveragePool: computes,
  BatchNormalization: computes,
  Clip: own,
  Div: computes,
  Elu: computes,
  Erf: computes,
  Gelu: computes,
  GlobalAveragePool: computes,
  GlobalMaxPool: computes,
  GroupNormalization: computes,
  HardSigmoid: computes,
  HardSwish: computes,
  InstanceNormalization: computes,
  LayerNormalization: own,
  LeakyRelu: computes,
  Log: computes,
  LogSoftmax: computes,
  Max: own,
  MaxPool: computes,
  Min: own,
  Mish: computes,
  Mul: computes,
  Neg: computes,
  PRelu: computes,
  RMSNormalization: own,
  Reciprocal: computes,
  Relu: computes,
  Resize: { ...computes, floats: [0] },
  Sigmoid: computes,
  Softmax: computes,
  Softplus: computes,
  Sqrt: computes,
  Sub: computes,
  Sum: computes,
  Tanh: computes,
  Where: { ...computes, floats: [1, 2] },

  Concat: { kind: 'moves', own: true },
  DepthToSpace: movesByCasts,
  Expand: moves,
  Flatten: moves,
  Gather: moves,
  GatherElements: moves,
  GatherND: moves,
  Identity: moves,
  Pad: { ...movesByCasts, floats: [0, 2] },
  Reshape: moves,
  Slice: moves,
  SpaceToDepth: movesByCasts,
  Split: moves,
  Squeeze: moves,
  Tile: movesByCasts,
  Transpose: moves,
  Unsqueeze: moves,
};

/** Of onnxruntime's own operators: activations, scales and a bias are of one type. */
const runtimeOperators: Readonly<Record<string, HalfRule>> = {
  MatMulNBits: { kind: 'computes', own: true, floats: [0, 2, 5] },
};

/** A DequantizeLinear of blocks gives the type of its scales, which the MatMul behind it reads. */
const blocks: HalfRule = { kind: 'computes', floats: [1], own: true };

/** The rule of a node; undefined where it stays in float32. */
export function halfRuleOf(node: Node): HalfRule | undefined {
  const { opType, domain } = node;
  if (domain === RUNTIME_DOMAIN) return ruleIn(runtimeOperators, opType);
  if (domain !== '') return undefined;
  if (opType === 'DequantizeLinear') return intAttribute(node, 'block_size', 0) > 0 ? blocks : undefined;
  // Further outputs are of other types; some pools have no dilations in float16.
  if (node.outputs.slice(1).some(Boolean) && opType !== 'Split') return undefined;
  if (opType === 'AveragePool' && intsAttribute(node, 'dilations')?.some((size) => size !== 1))
    return undefined;
  return ruleIn(halfOperators, opType);
}

const ruleIn = (rules: Readonly<Record<string, HalfRule>>, opType: string): HalfRule | undefined =>
  Object.hasOwn(rules, opType) ? rules[opType] : undefined;

/** The inputs of a node that are of the type that it computes in. */
export const floatInputs = (node: Node, { floats }: HalfRule): string[] =>
  (floats ?? node.inputs.map((_, index) => index)).flatMap((index) => inputAt(node, index) ?? []);
