import protobuf from 'protobufjs';
import { reasonOf } from '../errors.js';
import { type DataType, dataTypeOf } from '../graph/data-type.js';
import type { Attribute, Dim, Graph, Model, Node, ValueInfo } from '../graph/model.js';
import type { Carried, Tensor, TensorStorage } from '../graph/tensor.js';
import { toSafeInteger } from '../graph/tensor.js';
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
  type TensorMessage,
  typedFields,
  type ValueInfoMessage,
} from './messages.js';
import { ModelType } from './schema.js';

/** Thrown for bytes that are no ONNX model; `load` turns it into a message with the file's name. */
export class DecodeError extends Error {}

/** Wire types of protocol buffers that ONNX has no use for. */
const START_GROUP = 3;
const END_GROUP = 4;

/** What tensors hold: `views` of the bytes that were decoded, or `copies`, which are aligned and do not keep the others. */
export type TensorStorageMode = 'views' | 'copies';

/**
 * The bytes of a .onnx file as a model.
 *
 * @throws DecodeError where the bytes are no protocol buffer of this format, or contradict themselves
 */
export function decodeModel(bytes: Uint8Array, mode: TensorStorageMode = 'views'): Model {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  refuseGroups(reader);
  if (mode === 'copies') {
    const view = reader.bytes.bind(reader);
    reader.bytes = () => new Uint8Array(view());
  }
  let message: ModelMessage;
  try {
    message = ModelType.decode(reader) as ModelMessage;
  } catch (thrown) {
    throw new DecodeError(reasonOf(thrown), { cause: thrown });
  }
  if (!message.graph) throw new DecodeError('it holds no graph');
  return {
    irVersion: toNumber(message.ir_version ?? 0),
    opsets: new Map(
      (message.opset_import ?? []).map((opset) => [domainOf(opset), toNumber(opset.version ?? 0)]),
    ),
    graph: decodeGraph(message.graph),
    metadata: new Map((message.metadata_props ?? []).map((entry) => [entry.key ?? '', entry.value ?? ''])),
    batchNorms: new Map(),
    carried: {
      ...carry(message, ['ir_version', 'graph', 'metadata_props']),
      opset_import: (message.opset_import ?? []).map((opset) => carry(opset, [])),
    },
  };
}

/** The format has no groups, and readers differ in where one ends: kept as an unknown field it would break the next reader. */
function refuseGroups(reader: protobuf.Reader): void {
  const skip = reader.skipType.bind(reader);
  reader.skipType = (wireType: number, ...rest: []) => {
    if (wireType === START_GROUP || wireType === END_GROUP)
      throw new Error('it holds a group of fields, which ONNX files do not have');
    return skip(wireType, ...rest);
  };
}

const toBigInt = (value: Int64): bigint => BigInt(value.toString());

function toNumber(value: Int64): number {
  try {
    return toSafeInteger(toBigInt(value));
  } catch (thrown) {
    throw new DecodeError(reasonOf(thrown), { cause: thrown });
  }
}

/** The fields of a message that the in-memory model has no place for, unknown ones included. */
function carry(message: object, modelled: readonly string[]): Carried {
  const carried: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(message)) if (!modelled.includes(key)) carried[key] = value;
  const unknowns = (message as { $unknowns?: Uint8Array[] }).$unknowns;
  if (unknowns) carried.$unknowns = unknowns;
  return carried;
}

function decodeGraph(message: GraphMessage): Graph {
  const initializers = new Map<string, Tensor>();
  for (const tensor of message.initializer ?? []) {
    const name = tensor.name ?? '';
    if (initializers.has(name)) throw new DecodeError(`two initializers are named "${name}"`);
    initializers.set(name, decodeTensor(tensor, name));
  }
  return {
    nodes: (message.node ?? []).map(decodeNode),
    initializers,
    inputs: (message.input ?? []).map(decodeValueInfo),
    outputs: (message.output ?? []).map(decodeValueInfo),
    valueInfo: new Map((message.value_info ?? []).map(decodeValueInfo).map((info) => [info.name, info])),
    carried: carry(message, ['node', 'initializer', 'input', 'output', 'value_info']),
  };
}

/** A NodeProto as a node of the model; see {@link decodeModel}. */
export function decodeNode(message: NodeMessage): Node {
  const attributes = new Map<string, Attribute>();
  for (const found of message.attribute ?? []) {
    if (attributes.has(found.name ?? '')) throw new DecodeError(`a node has two attributes "${found.name}"`);
    attributes.set(found.name ?? '', decodeAttribute(found));
  }
  return {
    id: (message.output ?? []).find((output) => output !== '') ?? '',
    name: message.name || undefined,
    opType: message.op_type ?? '',
    domain: domainOf(message),
    inputs: [...(message.input ?? [])],
    outputs: [...(message.output ?? [])],
    attributes,
    // A name that is empty stays in the file; any other is the node's, and goes where it goes.
    carried: carry(message, [...(message.name ? ['name'] : []), 'op_type', 'input', 'output', 'attribute']),
  };
}

/** An AttributeProto as an attribute of the model; see {@link decodeModel}. */
export function decodeAttribute(m: AttributeMessage): Attribute {
  const rest = (...modelled: string[]) => carry(m, ['name', ...modelled]);
  switch (typeOfAttribute(m)) {
    case attributeTypes.float:
      return { kind: 'float', value: m.f ?? 0, carried: rest('f') };
    case attributeTypes.int:
      return { kind: 'int', value: toBigInt(m.i ?? 0), carried: rest('i') };
    case attributeTypes.string:
      return { kind: 'string', value: m.s ?? new Uint8Array(), carried: rest('s') };
    case attributeTypes.tensor:
      return m.t
        ? { kind: 'tensor', value: decodeTensor(m.t, m.t.name ?? ''), carried: rest('t') }
        : opaque(m);
    case attributeTypes.graph:
      return m.g ? { kind: 'graph', value: decodeGraph(m.g), carried: rest('g') } : opaque(m);
    case attributeTypes.floats:
      return { kind: 'floats', value: m.floats ?? [], carried: rest('floats') };
    case attributeTypes.ints:
      return { kind: 'ints', value: (m.ints ?? []).map(toBigInt), carried: rest('ints') };
    case attributeTypes.strings:
      return { kind: 'strings', value: m.strings ?? [], carried: rest('strings') };
    case attributeTypes.graphs:
      return { kind: 'graphs', value: (m.graphs ?? []).map(decodeGraph), carried: rest('graphs') };
    default:
      return opaque(m);
  }
}

const opaque = (m: AttributeMessage): Attribute => ({ kind: 'opaque', carried: carry(m, ['name']) });

/** Which field holds the value by the field that is there, for files of IR versions that did not state the type. */
const typesByField = [
  ['f', attributeTypes.float],
  ['i', attributeTypes.int],
  ['s', attributeTypes.string],
  ['t', attributeTypes.tensor],
  ['g', attributeTypes.graph],
  ['floats', attributeTypes.floats],
  ['ints', attributeTypes.ints],
  ['strings', attributeTypes.strings],
  ['graphs', attributeTypes.graphs],
] as const;

/** The stated type counts before the fields: some exporters write zeros into those that do not hold the value. */
function typeOfAttribute(m: AttributeMessage): number | undefined {
  // A reference to an attribute of the enclosing function has no value of its own.
  if (has(m, 'ref_attr_name')) return undefined;
  return m.type || typesByField.find(([field]) => isFilled(m, field))?.[1];
}

/** The decoder gives every repeated field a list of its own, an empty one where the file has none. */
function isFilled(m: AttributeMessage, field: keyof AttributeMessage): boolean {
  const value = m[field];
  return has(m, field) && !(Array.isArray(value) && value.length === 0);
}

const has = (message: object, field: string): boolean => Object.hasOwn(message, field);

/** A TensorProto as a tensor of the model; see {@link decodeModel}. */
export function decodeTensor(message: TensorMessage, name: string): Tensor {
  const dataType = dataTypeOf(message.data_type ?? 0);
  if (!dataType) throw new DecodeError(`tensor "${name}" has the unknown data type ${message.data_type}`);
  const dims = (message.dims ?? []).map(toNumber);
  if (dims.some((dim) => dim < 0)) throw new DecodeError(`tensor "${name}" has a negative dimension`);
  return {
    dataType,
    dims,
    storage: storageOf(message, dataType, name),
    carried: carry(message, ['dims', 'data_type', 'raw_data', 'string_data', ...typedFields]),
  };
}

function storageOf(message: TensorMessage, dataType: DataType, name: string): TensorStorage {
  if (message.data_location === EXTERNAL_LOCATION) return externalStorage(message.external_data ?? [], name);
  if (dataType === 'string') return { kind: 'strings', values: message.string_data ?? [] };
  if (message.raw_data && has(message, 'raw_data')) return { kind: 'raw', bytes: message.raw_data };
  for (const field of typedFields) {
    const values: readonly unknown[] | undefined = message[field];
    if (values?.length) return { kind: 'typed', field, values };
  }
  return { kind: 'typed', field: '', values: [] };
}

/** An entry that stands there twice is refused: other readers could take the other one. */
function externalStorage(found: readonly EntryMessage[], name: string): TensorStorage {
  const values = new Map<string, string>();
  for (const { key = '', value = '' } of found) {
    if (values.has(key)) throw new DecodeError(`tensor "${name}" has two entries "${key}" of external data`);
    values.set(key, value);
  }
  const location = values.get('location') ?? '';
  return { kind: 'external', location, offset: values.get('offset'), length: values.get('length') };
}

function decodeValueInfo(message: ValueInfoMessage): ValueInfo {
  const tensor = message.type?.tensor_type;
  return {
    name: message.name ?? '',
    dataType: tensor?.elem_type === undefined ? undefined : dataTypeOf(tensor.elem_type),
    shape: tensor?.shape ? (tensor.shape.dim ?? []).map(decodeDim) : undefined,
    carried: carry(message, ['name']),
  };
}

function decodeDim(dim: { dim_value?: Int64; dim_param?: string }): Dim {
  if (has(dim, 'dim_value')) return toNumber(dim.dim_value ?? 0);
  return dim.dim_param || undefined;
}
