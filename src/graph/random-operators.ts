import { type Graph, inputAt, isOp, type Node, subgraphsOf } from './model.js';

/** Operators whose value is not a function of their inputs. */
const random = [
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
];

/**
 * Whether a node gives other values at every run: so does a Dropout that may be told to train, and onnxruntime's
 * WordConvEmbedding, which leaves what it finds in memory where a word has no characters.
 */
export const isRandom = (node: Node): boolean =>
  isOp(node, ...random) ||
  (isOp(node, 'Dropout') && inputAt(node, 2) !== undefined) ||
  (node.domain === 'com.microsoft' && node.opType === 'WordConvEmbedding');

/** Whether anything of a graph is random. */
export const isRandomGraph = ({ nodes }: Graph): boolean =>
  nodes.some((node) => isRandom(node) || subgraphsOf(node).some(isRandomGraph));
