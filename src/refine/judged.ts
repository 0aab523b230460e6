import { isOp } from '../graph/model.js';
import type { TwinGraph } from './twin-graph.js';

/** A value of the quantized side, and the float one that it should be. */
export interface TwinPair {
  readonly float: string;
  readonly quantized: string;
}

/** Operators whose results lie between 0 and 1, most of them at either end: what they read tells more. */
const squashing = ['Softmax', 'LogSoftmax', 'Sigmoid', 'Identity'];

/**
 * What an output of the model is judged and learned by: itself, or the logits of which its probabilities are made, as the
 * quantized side reads them. A few samples between two classes would be all that the probabilities tell.
 */
export function judgedBy({ nodes, rawTwinOf }: TwinGraph, output: TwinPair): TwinPair {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)));
  const judged = (pair: TwinPair): TwinPair => {
    const maker = makers.get(pair.float);
    const twin = makers.get(rawTwinOf(pair.float) ?? '');
    const [float, quantized] = [maker?.inputs[0], twin?.inputs[0]];
    const isJudged = maker && twin && isOp(maker, ...squashing) && isOp(twin, maker.opType);
    return isJudged && float && quantized ? judged({ float, quantized }) : pair;
  };
  return judged(output);
}
