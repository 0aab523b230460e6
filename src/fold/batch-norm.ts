import {
  type BatchNormMoments,
  floatAttribute,
  type Graph,
  inputAt,
  intAttribute,
  isOp,
  type Node,
} from '../graph/model.js';
import { floatsOf, type Tensor } from '../graph/tensor.js';
import type { Uses } from '../graph/uses.js';

/** An inference BatchNormalization as what it computes: y = scale·x + shift, per channel (axis 1). */
export interface BatchNorm {
  readonly node: Node;
  readonly input: string;
  readonly output: string;
  /** γ/√(σ²+ε), in float64. */
  readonly scale: Float64Array;
  /** β − μ·scale, in float64. */
  readonly shift: Float64Array;
  readonly moments: BatchNormMoments;
}

/** The nodes to look at. */
export function batchNormNodes(graph: Graph): Node[] {
  return graph.nodes.filter((node) => isOp(node, 'BatchNormalization'));
}

/**
 * Read a BatchNormalization node. Jacob et al. 2018, §3.2: the moving statistics are folded, not a batch's.
 *
 * @returns undefined where it trains, where its parameters are no constants, or where a second output is read
 */
export function batchNormOf(graph: Graph, uses: Uses, node: Node): BatchNorm | undefined {
  if (
    !isOp(node, 'BatchNormalization') ||
    intAttribute(node, 'training_mode', 0) !== 0 ||
    intAttribute(node, 'spatial', 1) === 0
  )
    return undefined;
  const [output, ...others] = node.outputs;
  const input = inputAt(node, 0);
  if (!input || !output || others.some((other) => other && !uses.isUnused(other))) return undefined;
  const parameters = node.inputs.slice(1, 5).map((name) => graph.initializers.get(name));
  if (parameters.length !== 4 || !parameters.every((tensor): tensor is Tensor => tensor !== undefined))
    return undefined;
  const [gamma, beta, mean, variance] = parameters.map(floatsOf) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt((variance[c] ?? 0) + epsilon));
  const shift = Float64Array.from(beta, (b, c) => b - (mean[c] ?? 0) * (scale[c] ?? 0));
  return { node, input, output, scale, shift, moments: { beta, gamma: gamma.map(Math.abs) } };
}
