import { dataTypeCodes } from '../graph/data-type.js';
import type { Attribute, Graph, Model, Node, ValueInfo } from '../graph/model.js';
import { rawBytesOf, type Tensor } from '../graph/tensor.js';
import {
  type AttributeMessage,
  attributeTypes,
  domainOf,
  type EntryMessage,
  EXTERNAL_LOCATION,
  type GraphMessage,
  type Int64,
  type ModelMessage,
  type NodeMessage,
  type OperatorSetMessage,
  type TensorMessage,
  type ValueInfoMessage,
} from './messages.js';
import { ModelType, TensorType } from './schema.js';

/** Where the elements of a tensor stand, outside the .onnx file. */
export interface ExternalPlace {
  /** Path of the file, relative to a folder that the reader knows, with `/` between. */
  readonly location: string;
  /** Both in bytes. */
  readonly offset: number;
  readonly length: number;
}

/** Says of an initializer where it stands; undefined where it goes into the .onnx file itself. */
export type PlaceOf = (tensor: Tensor) => ExternalPlace | undefined;

/**
 * A model as the bytes of a .onnx file. What was loaded and left alone is written field by field as it was.
 *
 * @param placeOf - initializers that are left out, as external data; by default there are none
 */
export function encodeModel(model: Model, placeOf: PlaceOf = () => undefined): Uint8Array {
  const message: ModelMessage = {
    ...model.carried,
    ir_version: model.irVersion,
    opset_import: encodeOpsets(model),
    graph: encodeGraph(model.graph, placeOf),
    ...(model.metadata.size > 0 && { metadata_props: entries(model.metadata) }),
  };
  return ModelType.encode(message as Record<string, unknown>).finish();
}

/** One initializer as the bytes of its own message. */
export function encodeInitializer(name: string, tensor: Tensor): Uint8Array {
  return TensorType.encode(encodeTensor(tensor, name) as unknown as Record<string, unknown>).finish();
}

/** The entry as the file had it, unless its version changed: whether an empty domain was written out is kept. */
function encodeOpsets(model: Model): OperatorSetMessage[] {
  const loaded = (model.carried?.opset_import ?? []) as OperatorSetMessage[];
  return [...model.opsets].map(([domain, version]) => ({
    ...(loaded.find((opset) => domainOf(opset) === domain) ?? { domain }),
    version,
  }));
}

const entries = (map: ReadonlyMap<string, string>): EntryMessage[] =>
  [...map].map(([key, value]) => ({ key, value }));

// protobufjs writes 64-bit integers from numbers and from Long-like pairs of words, not from a BigInt.
function int64(value: bigint): Int64 {
  const bits = BigInt.asUintN(64, value);
  const words = { low: Number(bits & 0xffffffffn) | 0, high: Number(bits >> 32n) | 0, unsigned: false };
  return words as unknown as Int64;
}

function encodeGraph(graph: Graph, placeOf: PlaceOf): GraphMessage {
  return {
    // The format requires a name; a loaded graph brings its own.
    name: 'main',
    ...graph.carried,
    node: graph.nodes.map((node) => encodeNode(node, placeOf)),
    initializer: [...graph.initializers].map(([name, tensor]) => encodeTensor(tensor, name, placeOf(tensor))),
    input: graph.inputs.map(encodeValueInfo),
    output: graph.outputs.map(encodeValueInfo),
    value_info: [...graph.valueInfo.values()].map(encodeValueInfo),
  };
}

function encodeNode(node: Node, placeOf: PlaceOf): NodeMessage {
  return {
    ...node.carried,
    ...(node.name !== undefined && { name: node.name }),
    op_type: node.opType,
    ...(node.domain !== '' && { domain: node.domain }),
    input: node.inputs,
    output: node.outputs,
    attribute: [...node.attributes].map(([name, value]) => encodeAttribute(name, value, placeOf)),
  };
}

function encodeAttribute(name: string, attribute: Attribute, placeOf: PlaceOf): AttributeMessage {
  if (attribute.kind === 'opaque') return { name, ...attribute.carried };
  // Old files leave the type out; what carries fields of a file keeps them as they are.
  const base = { name, ...(attribute.carried ?? { type: attributeTypes[attribute.kind] }) };
  switch (attribute.kind) {
    case 'float':
      return { ...base, f: attribute.value };
    case 'int':
      return { ...base, i: int64(attribute.value) };
    case 'string':
      return { ...base, s: attribute.value };
    case 'tensor':
      return { ...base, t: encodeTensor(attribute.value) };
    case 'graph':
      return { ...base, g: encodeGraph(attribute.value, placeOf) };
    case 'floats':
      return { ...base, floats: [...attribute.value] };
    case 'ints':
      return { ...base, ints: attribute.value.map(int64) };
    case 'strings':
      return { ...base, strings: [...attribute.value] };
    case 'graphs':
      return { ...base, graphs: attribute.value.map((graph) => encodeGraph(graph, placeOf)) };
  }
}

function encodeTensor(tensor: Tensor, name?: string, place?: ExternalPlace): TensorMessage {
  const { storage } = tensor;
  const message: TensorMessage = {
    ...tensor.carried,
    ...(name !== undefined && { name }),
    dims: [...tensor.dims],
    data_type: dataTypeCodes[tensor.dataType],
  };
  if (place) {
    const external_data = Object.entries(place).map(([key, value]) => ({ key, value: String(value) }));
    return { ...message, data_location: EXTERNAL_LOCATION, external_data };
  }
  const bytes = rawBytesOf(tensor);
  if (bytes) return { ...message, raw_data: bytes };
  if (storage.kind === 'strings') return { ...message, string_data: [...storage.values] };
  if (storage.kind === 'typed' && storage.field) return { ...message, [storage.field]: storage.values };
  return message;
}

function encodeValueInfo(info: ValueInfo): ValueInfoMessage {
  if (info.carried) return { ...info.carried, name: info.name };
  const shape = info.shape && {
    dim: info.shape.map((dim) =>
      typeof dim === 'number' ? { dim_value: dim } : dim === undefined ? {} : { dim_param: dim },
    ),
  };
  return {
    name: info.name,
    ...(info.dataType && {
      type: { tensor_type: { elem_type: dataTypeCodes[info.dataType], ...(shape && { shape }) } },
    }),
  };
}
