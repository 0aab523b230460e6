import type { EmittedModel } from '../emit/emit-model.js';
import { NameScope } from '../graph/edit.js';
import { type Model, node } from '../graph/model.js';
import { isQuantizing } from '../graph/qdq-graph.js';
import type { Placement } from '../place/placement.js';

/** How the counterpart of a layer was found: by the plan that made the file, by names, or by the order of the layers. */
export type LayerMatching = 'plan' | 'name' | 'order';

/** One layer's result in the float graph, and its counterpart in the quantized one. */
export interface LayerPair {
  readonly id: string;
  readonly floatValue: string;
  /** The float value to read: one of the graph, or of a DQ that was added to read codes. */
  readonly quantizedValue: string;
  /** The tensor of the quantized file that it stands for. */
  readonly tensor: string;
  readonly matchedBy: LayerMatching;
}

/**
 * The result of each quantized layer in both graphs.
 *
 * A result may exist as codes alone, and what has its name may be the float before the clamp that is fused into its Q:
 * so a DQ of its own is added for each.
 *
 * What a layer inside an If, Loop or Scan gives cannot be read from outside: it has no pair.
 *
 * @returns the quantized model with those DQs, and the pairs; the model given is left as it is
 */
export function layerPairs(
  { weighted }: Placement,
  { model, codes }: EmittedModel,
): { model: Model; pairs: LayerPair[] } {
  const names = new NameScope(model.graph);
  const nodes = [...model.graph.nodes];
  // Of 16 bits Q and DQ may be onnxruntime's own.
  const domains = new Map(
    nodes.filter((each) => isQuantizing(each)).map(({ inputs, domain }) => [inputs[2] ?? '', domain]),
  );
  const reached = weighted.filter(({ owner }) => owner === undefined);
  const pairs = reached.map(({ node: { id }, result: floatValue }): LayerPair => {
    const inputs = codes.get(floatValue);
    // A Gemm or a MatMul may write float.
    const quantizedValue = inputs ? names.fresh(`${floatValue}_measured`) : floatValue;
    if (inputs) {
      const domain = domains.get(inputs[2] ?? '') ?? '';
      nodes.push({ ...node('DequantizeLinear', inputs, [quantizedValue]), domain });
    }
    const tensor = inputs?.[0] ?? floatValue;
    return { id, floatValue, quantizedValue, tensor, matchedBy: 'plan' };
  });
  return { model: { ...model, graph: { ...model.graph, nodes } }, pairs };
}
