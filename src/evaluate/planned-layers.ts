import { nameValues } from '../emit/value-names.js';
import { flatOf } from '../graph/flat.js';
import type { Graph, Model } from '../graph/model.js';
import { indexUses, type Uses } from '../graph/uses.js';
import type { Placement } from '../place/placement.js';
import { type LayerPair, layerPairs } from './layer-pairs.js';

/**
 * The results of the layers in a file that this tool wrote, from the placement that it was written by.
 *
 * @param folded - the float graph that was placed
 * @returns undefined where a result is not where the placement would have put it: the file is of another model
 */
export function plannedLayers(
  folded: Graph,
  placement: Placement,
  quantized: Model,
): { model: Model; pairs: LayerPair[] } | undefined {
  const uses = indexUses(quantized.graph);
  const { names } = nameValues(placement, flatOf(folded));
  const codes = new Map<string, readonly string[]>();
  for (const { result: value, owner } of placement.weighted) {
    if (owner) continue;
    const { raw, codes: tensor } = names.get(value) ?? { raw: value, codes: undefined };
    // Codes of another model may have the same number, but what they are made of keeps the name that it had there.
    if (!uses.producer(raw) || !uses.producer(tensor ?? value)) return undefined;
    const parameters = tensor && parametersOf(tensor, quantized.graph, uses);
    if (parameters) codes.set(value, [tensor, ...parameters]);
    else if (tensor) return undefined;
  }
  return layerPairs(placement, { model: quantized, codes });
}

/**
 * Scale and zero point of codes: of the first DQ that reads them, behind operators that move codes and keep both; or of
 * the Q that makes them.
 */
function parametersOf(codes: string, graph: Graph, uses: Uses): readonly string[] | undefined {
  const seen = new Set<string>();
  const waiting = [codes];
  for (let value = waiting.shift(); value !== undefined; value = waiting.shift()) {
    for (const { node, index } of uses.readers(value)) {
      if (node.opType === 'DequantizeLinear' && index === 0) return node.inputs.slice(1);
      // A shape of codes, and what is looked up by them, are no codes of this value.
      if (node.opType === 'Shape' || node.opType === 'Cast') continue;
      for (const output of node.outputs) {
        if (!output || seen.has(output)) continue;
        seen.add(output);
        waiting.push(output);
      }
    }
  }
  let maker = uses.producer(codes);
  while (maker?.opType === 'Clip') maker = uses.producer(maker.inputs[0] ?? '');
  const parameters = maker?.opType === 'QuantizeLinear' ? maker.inputs.slice(1) : undefined;
  return parameters?.every((name) => graph.initializers.has(name)) ? parameters : undefined;
}
