import { createRequire } from 'node:module';
import type onnxProto from 'onnx-proto';
import { dataTypeCodes } from '../graph/data-type.js';
import type { Model } from '../graph/model.js';
import { rawBytesOf } from '../graph/tensor.js';
import { EXTERNAL_LOCATION } from './messages.js';

/** By `require`: to import it, its half a megabyte is searched for the names that it exports, 0.2 s of every start. */
const decoder = (): typeof onnxProto => createRequire(import.meta.url)('onnx-proto');

/**
 * Read bytes that this tool wrote through a second, independent decoder, and compare what it sees with the model.
 * Only ever given our own bytes, never a stranger's.
 *
 * @param readExternal - bytes of a file beside the model, where the model has such
 * @returns the first difference in words; undefined where there is none
 */
export function readBack(
  bytes: Uint8Array,
  model: Model,
  readExternal?: (location: string, offset: number, length: number) => Uint8Array,
): string | undefined {
  const graph = decoder().onnx.ModelProto.decode(bytes).graph;
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
    const written = rawBytesOf(tensor);
    if (!written) continue;
    const entries = new Map((seen.externalData ?? []).map(({ key, value }) => [key ?? '', value ?? '']));
    const place = (key: string) => entries.get(key) ?? '';
    const found =
      seen.dataLocation === EXTERNAL_LOCATION
        ? readExternal?.(place('location'), Number(place('offset')), Number(place('length')))
        : seen.rawData;
    if (Buffer.compare(found ?? new Uint8Array(), written) !== 0) {
      return `the elements of "${name}" read differently`;
    }
  }
  return undefined;
}

const sameNames = (a: readonly string[] | null | undefined, b: readonly string[]): boolean =>
  a?.length === b.length && b.every((name, index) => a[index] === name);
