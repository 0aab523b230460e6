/** A 64-bit integer as protobufjs decodes it: a Long, which prints as its decimal digits. */
export type Int64 = { toString(): string } | number | bigint;

/** Messages of the ONNX file format, in the shapes of schema.ts. Absent fields are absent. */
export interface ModelMessage {
  ir_version?: Int64;
  opset_import?: OperatorSetMessage[];
  graph?: GraphMessage;
  metadata_props?: EntryMessage[];
  producer_name?: string;
  producer_version?: string;
}

export interface OperatorSetMessage {
  domain?: string;
  version?: Int64;
}

/** The default domain has two names, '' and 'ai.onnx'; in memory it has the first alone. */
export const domainOf = ({ domain = '' }: { readonly domain?: string }): string =>
  domain === 'ai.onnx' ? '' : domain;

export interface EntryMessage {
  key?: string;
  value?: string;
}

export interface GraphMessage {
  name?: string;
  node?: NodeMessage[];
  initializer?: TensorMessage[];
  input?: ValueInfoMessage[];
  output?: ValueInfoMessage[];
  value_info?: ValueInfoMessage[];
}

export interface NodeMessage {
  name?: string;
  op_type?: string;
  domain?: string;
  input?: string[];
  output?: string[];
  attribute?: AttributeMessage[];
}

export interface AttributeMessage {
  name?: string;
  type?: number;
  f?: number;
  i?: Int64;
  s?: Uint8Array;
  t?: TensorMessage;
  g?: GraphMessage;
  floats?: number[];
  ints?: Int64[];
  strings?: Uint8Array[];
  graphs?: GraphMessage[];
}

export interface TensorMessage {
  name?: string;
  dims?: Int64[];
  data_type?: number;
  raw_data?: Uint8Array;
  float_data?: number[];
  int32_data?: number[];
  int64_data?: Int64[];
  double_data?: number[];
  uint64_data?: Int64[];
  string_data?: Uint8Array[];
  external_data?: EntryMessage[];
  data_location?: number;
}

/** Its values carry the name. */
export interface SparseTensorMessage {
  values?: TensorMessage;
  indices?: TensorMessage;
  dims?: Int64[];
}

export interface ValueInfoMessage {
  name?: string;
  type?: TypeMessage;
}

export interface TypeMessage {
  tensor_type?: {
    elem_type?: number;
    shape?: { dim?: { dim_value?: Int64; dim_param?: string }[] };
  };
}

/** AttributeProto.AttributeType, by the kinds that the in-memory model looks into. */
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  graphs: 10,
} as const;

/** TensorProto.DataLocation: the elements stand in another file. */
export const EXTERNAL_LOCATION = 1;

/** The repeated fields of TensorProto that hold elements as numbers. */
export const typedFields = ['float_data', 'int32_data', 'int64_data', 'double_data', 'uint64_data'] as const;
