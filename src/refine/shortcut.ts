import { type Graph, isOp, type Node } from '../graph/model.js';
import { recurrenceOf } from '../graph/recurrence.js';
import { indexUses } from '../graph/uses.js';
import type { Shortcut } from './second-order-step.js';
import type { TwinGraph } from './twin-graph.js';

/**
 * The other operand of the Add that a layer feeds directly, in float and quantized: what it lost, the layer can bring.
 *
 * None where the layer's result has another reader, where the operand is constant or not yet quantized, or where it takes
 * this layer or one behind it to compute it.
 *
 * @param index - of the layer among those of the twin graph
 */
export function shortcutOf(graph: Graph, twin: TwinGraph, index: number): Shortcut | undefined {
  const { layer, beside } = twin.layers[index] as TwinGraph['layers'][number];
  if (beside || recurrenceOf(layer.node)) return beside;
  const uses = indexUses(graph);
  const [reader] = uses.readers(layer.output);
  if (!reader || !uses.hasOneUse(layer.output) || !isOp(reader.node, 'Add')) return undefined;
  const float = reader.node.inputs[1 - reader.index] ?? '';
  if (graph.initializers.has(float)) return undefined;
  const quantized = twin.twinOf(float);
  if (quantized === float) return undefined;
  const later = new Set(twin.layers.slice(index).map(({ computed }) => computed));
  return dependsOn(twin.nodes, quantized, later) ? undefined : { float, quantized };
}

/** Whether one of some values is computed on the way to a value. */
function dependsOn(nodes: readonly Node[], value: string, others: ReadonlySet<string>): boolean {
  const producers = new Map(nodes.flatMap((each) => each.outputs.map((output) => [output, each] as const)));
  const seen = new Set<string>();
  const waiting = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    if (others.has(next)) return true;
    seen.add(next);
    waiting.push(...(producers.get(next)?.inputs ?? []));
  }
  return false;
}
