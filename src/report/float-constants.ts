import { bodiesOf } from '../graph/bodies.js';
import type { Graph, Node } from '../graph/model.js';
import { isFloatTensor, tensorBytes } from '../graph/tensor.js';

/** Constants below this are small beside any weight, in bytes. */
const SMALL_BYTES = 2 ** 12;

/** Large float constants of a file that belong to no layer. */
export interface FloatConstants {
  readonly bytes: number;
  /** The node that reads the largest. */
  readonly reader: Pick<Node, 'id' | 'opType' | 'domain'>;
}

/**
 * Large constants that are float in the quantized model still, and that no layer reads: what a layer that stays float reads is told
 * with the layer.
 *
 * @param layers - ids of the nodes that are told as layers
 * @returns undefined where there are none
 */
export function floatConstantsOf(
  float: Graph,
  quantized: Graph,
  layers: ReadonlySet<string>,
): FloatConstants | undefined {
  let [bytes, most] = [0, 0];
  let reader: Node | undefined;
  const seen = new Set<string>();
  const nodes = [...float.nodes, ...bodiesOf(float).flatMap(({ graph }) => graph.nodes)];
  const ofLayers = new Set(nodes.filter(({ id }) => layers.has(id)).flatMap(({ inputs }) => inputs));
  for (const node of nodes) {
    for (const name of node.inputs) {
      const tensor = quantized.initializers.get(name);
      if (!tensor || !isFloatTensor(tensor) || ofLayers.has(name) || seen.has(name)) continue;
      seen.add(name);
      const size = tensorBytes(tensor);
      if (size < SMALL_BYTES) continue;
      bytes += size;
      if (size > most) [most, reader] = [size, node];
    }
  }
  return reader && { bytes, reader };
}
