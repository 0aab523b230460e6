import {
  floatAttribute,
  type Graph,
  inputAt,
  intAttribute,
  intsAttribute,
  type Node,
  ruleFor,
  stringAttribute,
} from '../graph/model.js';
import { floatsOf, isFloatTensor } from '../graph/tensor.js';
import { isAllFinite } from '../numerics/finite.js';

/**
 * What an operator does with quantized activations. Measured on onnxruntime 1.30 by the operators of its optimized
 * graph; `test/place/fusion.test.ts` asks it again.
 *
 * - `layer`: integer kernel with a constant weight. A Conv needs Q on its output to get one; Gemm and MatMul also write
 *   float (`output: 'either'`).
 * - `arithmetic`: integer kernel between DQ and Q, output with parameters of its own. `constants`: a constant operand
 *   may take part, as uint8. `clamps`: it ends in a clamp of its own, which its Q takes over.
 * - `codes`: moves values without computing, so it runs on the uint8 codes themselves and keeps their parameters.
 * - `clamp`: vanishes into the Q after the operator before it, or clamps the codes.
 * - `shape`: reads only the shape, so it reads the codes where there are some.
 */
export interface OperatorRule {
  readonly role: 'layer' | 'arithmetic' | 'codes' | 'clamp' | 'shape';
  readonly output?: 'codes' | 'either';
  readonly constants?: boolean;
  readonly clamps?: boolean;
  /** Why this node is an exception and stays float; undefined where it is none. */
  readonly exception?: (node: Node, graph: Graph) => string | undefined;
}

const layer = (output: 'codes' | 'either'): OperatorRule => ({ role: 'layer', output });
const arithmetic: OperatorRule = { role: 'arithmetic' };
const codes: OperatorRule = { role: 'codes', exception: constantData };

/** Codes, but for constant data and the exception given. */
function codesUnless(exception: NonNullable<OperatorRule['exception']>): OperatorRule {
  return { role: 'codes', exception: (node, graph) => constantData(node, graph) ?? exception(node, graph) };
}

/** The placement table for onnxruntime's CPU kernels, by operator of the default domain. */
export const operators: Readonly<Record<string, OperatorRule>> = {
  Conv: layer('codes'),
  Gemm: layer('either'),
  MatMul: layer('either'),

  Add: { role: 'arithmetic', constants: true, exception: infiniteOperand },
  Mul: { role: 'arithmetic', constants: true, exception: infiniteOperand },
  Concat: arithmetic,
  AveragePool: { ...arithmetic, exception: oddAveragePool },
  GlobalAveragePool: arithmetic,
  HardSigmoid: { ...arithmetic, clamps: true, exception: notRising },
  Sigmoid: arithmetic,
  LeakyRelu: arithmetic,
  Softmax: arithmetic,

  DepthToSpace: codes,
  Expand: codes,
  Flatten: codes,
  Gather: codes,
  Identity: codes,
  MaxPool: codesUnless(indicesRead),
  Pad: codesUnless(paddingValue),
  Reshape: codes,
  Resize: codesUnless(interpolating),
  Slice: codes,
  SpaceToDepth: codes,
  Split: codes,
  Squeeze: codes,
  Tile: codes,
  Transpose: codes,
  Unsqueeze: codes,

  Relu: { role: 'clamp' },
  Clip: { role: 'clamp', exception: computedBounds },

  Shape: { role: 'shape' },
  Size: { role: 'shape' },
};

/** The most negative finite float32, which some exporters write for −∞. */
const LOWEST_FLOAT = -(2 - 2 ** -23) * 2 ** 127;

/** The rule for a node; undefined for an operator that stays float whatever surrounds it. */
export function ruleOf(node: Node): OperatorRule | undefined {
  return ruleFor(operators, node);
}

// QLinearAveragePool divides by another count there: tens of steps off (measured). Dilations it does not take at all.
function oddAveragePool(node: Node): string | undefined {
  if (intsAttribute(node, 'dilations')?.some((size) => size !== 1))
    return 'its integer kernel has no dilations';
  const wrong = intAttribute(node, 'ceil_mode', 0) !== 0 && intAttribute(node, 'count_include_pad', 0) !== 0;
  return wrong ? 'its integer kernel is wrong with ceil_mode and count_include_pad together' : undefined;
}

// Written as an addition whose Q clamps: x + β/α, with β/α a uint8 constant.
function notRising(node: Node): string | undefined {
  const { alpha, beta } = hardSigmoidOf(node);
  return alpha > 0 && beta > 0 ? undefined : 'its slope or its offset is not positive';
}

/** Slope and offset of a HardSigmoid, max(0, min(1, αx + β)). */
export function hardSigmoidOf(node: Node): { alpha: number; beta: number } {
  return { alpha: floatAttribute(node, 'alpha', 0.2), beta: floatAttribute(node, 'beta', 0.5) };
}

function infiniteOperand(node: Node, graph: Graph): string | undefined {
  const finite = node.inputs.every((name) => {
    const tensor = graph.initializers.get(name);
    return !tensor || !isFloatTensor(tensor) || isAllFinite(floatsOf(tensor));
  });
  return finite ? undefined : 'its constant operand is not finite';
}

function constantData(node: Node, graph: Graph): string | undefined {
  return graph.initializers.has(inputAt(node, 0) ?? '') ? 'its data is constant' : undefined;
}

function indicesRead(node: Node): string | undefined {
  return node.outputs[1] ? 'its indices are an output too' : undefined;
}

// Codes have no room for a value out of the data's range; below all of it, as before a MaxPool, the lowest code serves.
function paddingValue(node: Node, graph: Graph): string | undefined {
  // The runtime's layout transformation breaks on it (measured).
  if (inputAt(node, 3)) return 'it pads by axes';
  const name = inputAt(node, 2);
  if (stringAttribute(node, 'mode', 'constant') !== 'constant' || !name) return undefined;
  const tensor = graph.initializers.get(name);
  if (!tensor) return 'its padding value is computed';
  const [value = 0] = floatsOf(tensor);
  return value === 0 || value <= LOWEST_FLOAT ? undefined : `its padding value is ${value}`;
}

function interpolating(node: Node): string | undefined {
  const mode = stringAttribute(node, 'mode', 'nearest');
  if (mode !== 'nearest') return `it interpolates (${mode})`;
  const crops =
    stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize';
  return crops ? 'it extrapolates by a real number' : undefined;
}

function computedBounds(node: Node, graph: Graph): string | undefined {
  const bounds = [inputAt(node, 1), inputAt(node, 2)].filter((name) => name !== undefined);
  const known = bounds.every((name) => {
    const tensor = graph.initializers.get(name);
    return tensor && isFloatTensor(tensor);
  });
  return known ? undefined : 'its bounds are computed';
}
