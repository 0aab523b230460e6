import {
  type ChannelMoments,
  concatenated,
  constant,
  expanded,
  mapped,
  momentsOfBatchNorm,
  normal,
  pooled,
  product,
  sum,
} from './channel-moments.js';
import { clampBounds } from './clamp-bounds.js';
import { eachKernel, linearLayerOf } from './linear-layer.js';
import { floatAttribute, type Graph, inputAt, intAttribute, isOp, type Node, ruleFor } from './model.js';
import { floatsOf, isFloatTensor } from './tensor.js';

/** Moments of a node's first output from those of its inputs; undefined where they are not known. */
type Rule = (
  node: Node,
  inputs: readonly (ChannelMoments | undefined)[],
  graph: Graph,
) => ChannelMoments | undefined;

const ofFirst =
  (make: (moments: ChannelMoments, node: Node, graph: Graph) => ChannelMoments): Rule =>
  (node, [first], graph) =>
    first && make(first, node, graph);

const elementwise = (f: (x: number, node: Node) => number): Rule =>
  ofFirst((moments, node) => mapped(moments, (x) => f(x, node)));

const kept = ofFirst((moments) => moments);
const merged = ofFirst(pooled);
const clamped: Rule = ofFirst((moments, node, graph) => {
  const { low, high } = clampBounds(graph, node);
  return mapped(moments, (x) => Math.min(Math.max(x, low), high));
});

const ofBoth =
  (make: (a: ChannelMoments, b: ChannelMoments) => ChannelMoments): Rule =>
  (_, [a, b]) =>
    a && b && make(a, b);

const negative = (moments: ChannelMoments) => mapped(moments, (x) => -x);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const hardSigmoid = (x: number, alpha: number, beta: number) => Math.min(Math.max(alpha * x + beta, 0), 1);

/** How each operator changes what is known of its input (Nagel et al. 2019, §5.2 and appendix C for Relu). */
export const momentRules: Readonly<Record<string, Rule>> = {
  Add: ofBoth(sum),
  AveragePool: kept,
  Clip: clamped,
  Concat: (node, inputs) => {
    const known = inputs.filter((input) => input !== undefined);
    if (known.length < inputs.length) return undefined;
    const joined = concatenated(known);
    // One entry for all channels does not say how many there are.
    const isByChannel = intAttribute(node, 'axis', 1) === 1 && known.every(({ mean }) => mean.length > 1);
    return isByChannel ? joined : pooled(joined);
  },
  Conv: linear,
  ConvTranspose: linear,
  DepthToSpace: merged,
  Dropout: kept,
  Elu: elementwise((x, node) => (x < 0 ? floatAttribute(node, 'alpha', 1) * Math.expm1(x) : x)),
  Expand: merged,
  Flatten: kept,
  Gather: merged,
  Gemm: linear,
  GlobalAveragePool: kept,
  GlobalMaxPool: kept,
  HardSigmoid: elementwise((x, node) =>
    hardSigmoid(x, floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)),
  ),
  HardSwish: elementwise((x) => x * hardSigmoid(x, 1 / 6, 0.5)),
  Identity: kept,
  LayerNormalization: layerNorm,
  LeakyRelu: elementwise((x, node) => (x < 0 ? floatAttribute(node, 'alpha', 0.01) * x : x)),
  MatMul: linear,
  MaxPool: kept,
  Mul: (node, [a, b]) => {
    if (!a || !b) return undefined;
    return node.inputs[0] === node.inputs[1] ? mapped(a, (x) => x * x) : product(a, b);
  },
  Neg: ofFirst(negative),
  Pad: kept,
  ReduceMean: kept,
  Relu: clamped,
  Reshape: kept,
  Resize: kept,
  Sigmoid: elementwise(sigmoid),
  Slice: merged,
  Softmax: ofFirst((moments) => mapped(pooled(moments), sigmoid)),
  SpaceToDepth: merged,
  Split: merged,
  Squeeze: kept,
  Sub: ofBoth((a, b) => sum(a, negative(b))),
  Tanh: elementwise(Math.tanh),
  Transpose: merged,
  Unsqueeze: kept,
};

/**
 * Carry what BatchNormalization tells of activations through the graph.
 *
 * @param batchNorms - β and γ by the value that each BatchNormalization made
 * @param inputs - what is known of the model's inputs
 * @returns what is known, by value; values behind an operator that is not in the table are left out
 */
export function propagate(
  graph: Graph,
  batchNorms: ReadonlyMap<string, { beta: Float32Array; gamma: Float32Array }>,
  inputs: ReadonlyMap<string, ChannelMoments>,
): Map<string, ChannelMoments> {
  const known = new Map(inputs);
  const momentsOf = (name: string | undefined): ChannelMoments | undefined => {
    const tensor = name === undefined ? undefined : graph.initializers.get(name);
    return tensor && isFloatTensor(tensor) ? constant(floatsOf(tensor)) : known.get(name ?? '');
  };
  for (const node of graph.nodes) {
    const rule = ruleFor(momentRules, node);
    // A layer looks at its weight itself.
    const operands = linearLayerOf(graph, node) ? node.inputs.slice(0, 1) : node.inputs;
    const made = rule?.(node, operands.map(momentsOf), graph);
    for (const output of node.outputs) {
      const own = batchNorms.get(output);
      const moments = own ? momentsOfBatchNorm(own) : made;
      if (moments) known.set(output, moments);
    }
  }
  return known;
}

/** Conv, Gemm, MatMul with a constant weight: E[y] = b + Σ w·E[x], Var[y] = Σ w²·Var[x], inputs taken as independent. */
function linear(
  node: Node,
  [first]: readonly (ChannelMoments | undefined)[],
  graph: Graph,
): ChannelMoments | undefined {
  const layer = linearLayerOf(graph, node);
  if (!layer || !first) return undefined;
  const input = expanded(first, layer.inputChannels);
  const mean = new Float64Array(layer.outputChannels);
  const variance = new Float64Array(layer.outputChannels);
  const values = floatsOf(layer.weight);
  eachKernel(layer, (output, from, start, end) => {
    const [itsMean, itsVariance] = [input.mean[from] as number, input.variance[from] as number];
    let [sum, squares] = [mean[output] as number, variance[output] as number];
    for (let i = start; i < end; i++) {
      const w = values[i] as number;
      sum += w * itsMean;
      squares += w * w * itsVariance;
    }
    mean[output] = sum;
    variance[output] = squares;
  });
  const biasTensor = layer.bias === undefined ? undefined : graph.initializers.get(layer.bias);
  const bias = biasTensor && floatsOf(biasTensor);
  const factor = isOp(node, 'Gemm') ? floatAttribute(node, 'alpha', 1) : 1;
  return normal(
    mean.map((m, c) => factor * m + (bias?.[bias.length === 1 ? 0 : c] ?? 0)),
    variance.map((v) => factor * factor * v),
  );
}

/** Each row has mean 0 and variance 1 before its scale and bias. */
function layerNorm(node: Node, _: unknown, graph: Graph): ChannelMoments | undefined {
  const scale = graph.initializers.get(inputAt(node, 1) ?? '');
  if (!scale || !isFloatTensor(scale)) return undefined;
  const bias = graph.initializers.get(inputAt(node, 2) ?? '');
  const gamma = floatsOf(scale);
  return momentsOfBatchNorm({ gamma, beta: bias ? floatsOf(bias) : new Float32Array(gamma.length) });
}
