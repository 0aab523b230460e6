import onnxProto from 'onnx-proto';
import { dataTypeCodes } from '../graph/data-type.js';
import type { Model } from '../graph/model.js';

/**
 * Read bytes that this tool wrote through a second, independent decoder, and compare what it sees with the model.
 * Only ever given our own bytes, never a stranger's.
 *
 * @returns the first difference in words; undefined where there is none
 */
export function readBack(bytes: Uint8Array, model: Model): string | undefined {
  const graph = onnxProto.onnx.ModelProto.decode(bytes).graph;
  if (!graph) return 'the second decoder sees no graph';
  const nodes = graph.node ?? [];
  if (nodes.length !== model.graph.nodes.length)
    return `${nodes.length} nodes instead of ${model.graph.nodes.length}`;
  for (const [index, node] of model.graph.nodes.entries()) {
    const seen = nodes[index];
    const same =
      seen?.opType === node.opType &&
      sameNames(seen.input, node.inputs) &&
      sameNames(seen.output, node.outputs) &&
      (seen.attribute ?? []).length === node.attributes.size;
    if (!same) return `node ${index} (${node.opType}) reads differently`;
  }
  const tensors = new Map((graph.initializer ?? []).map((tensor) => [tensor.name ?? '', tensor]));
  if (tensors.size !== model.graph.initializers.size) return `${tensors.size} initializers`;
  for (const [name, tensor] of model.graph.initializers) {
    const seen = tensors.get(name);
    const sameShape = sameNames(seen?.dims?.map(String), tensor.dims.map(String));
    if (!seen || !sameShape || Number(seen.dataType) !== dataTypeCodes[tensor.dataType]) {
      return `initializer "${name}" reads differently`;
    }
    const { storage } = tensor;
    if (storage.kind === 'raw' && Buffer.compare(seen.rawData ?? new Uint8Array(), storage.bytes) !== 0) {
      return `the elements of "${name}" read differently`;
    }
  }
  return undefined;
}

const sameNames = (a: readonly string[] | null | undefined, b: readonly string[]): boolean =>
  a?.length === b.length && b.every((name, index) => a[index] === name);
