import { ModelType } from '../../src/proto/schema.js';

/** A field that no schema knows: number 1000, wire type 2, two bytes. */
const unknown = { $unknowns: [Uint8Array.of(0xc2, 0x3e, 2, 0xaa, 0xbb)] };
/** Another, number 999, a varint. */
const otherUnknown = { $unknowns: [Uint8Array.of(0xb8, 0x3e, 0x96, 0x01)] };

const INT64_MAX = { low: -1, high: 0x7fffffff, unsigned: false };
const INT64_MIN = { low: 0, high: -0x80000000, unsigned: false };
const UINT64_MAX = { low: -1, high: -1, unsigned: true };

const text = (value: string) => new TextEncoder().encode(value);
const entry = (key: string, value: string) => ({ key, value });
const floatType = (...dim: object[]) => ({ tensor_type: { elem_type: 1, shape: { dim } } });

const tensors = [
  { name: 'floats', dims: [2], data_type: 1, float_data: [1.5, -2] },
  { name: 'doubles', dims: [1], data_type: 11, double_data: [0.1] },
  { name: 'ints', dims: [3], data_type: 6, int32_data: [-1, 0, 2147483647] },
  { name: 'longs', dims: [2], data_type: 7, int64_data: [INT64_MAX, INT64_MIN] },
  { name: 'unsigned', dims: [1], data_type: 13, uint64_data: [UINT64_MAX] },
  { name: 'halves', dims: [2], data_type: 10, int32_data: [0x3c00, 0xc000] },
  { name: 'raw_halves', dims: [2], data_type: 10, raw_data: Uint8Array.of(0, 0x3c, 0, 0xc0) },
  { name: 'brain', dims: [1], data_type: 16, raw_data: Uint8Array.of(0x80, 0x3f) },
  { name: 'nibbles', dims: [3], data_type: 22, raw_data: Uint8Array.of(0x21, 0x0f) },
  { name: 'words', dims: [2], data_type: 8, string_data: [text('ä'), new Uint8Array()] },
  { name: 'scalar', data_type: 1, raw_data: Uint8Array.of(0, 0, 0x80, 0x3f), doc_string: 'one' },
  { name: 'empty', dims: [0], data_type: 1, raw_data: new Uint8Array() },
  { name: 'empty_typed', dims: [0, 3], data_type: 7 },
  { name: 'noted', dims: [1], data_type: 9, int32_data: [1], metadata_props: [entry('k', 'v')], ...unknown },
];

const branch = (name: string) => ({
  node: [{ input: ['x'], output: [`${name}_y`], op_type: 'Relu', ...unknown }],
  name,
  doc_string: 'a branch',
  output: [{ name: `${name}_y`, type: floatType() }],
  ...otherUnknown,
});

/** Two of the values of a sparse tensor. */
const few = {
  values: { name: 'few', dims: [2], data_type: 1, float_data: [0.5, -2] },
  indices: { name: 'places', dims: [2], data_type: 7, int64_data: [1, 8] },
};

const attributes = [
  { name: 'a_float', type: 1, f: 0.1 },
  { name: 'an_int', type: 2, i: INT64_MAX },
  { name: 'a_string', type: 3, s: text('é') },
  { name: 'an_empty_string', type: 3, s: new Uint8Array() },
  { name: 'a_tensor', type: 4, t: { dims: [1], data_type: 1, float_data: [3], name: 'inner' } },
  { name: 'a_graph', type: 5, g: branch('single') },
  { name: 'some_floats', type: 6, floats: [0.5, -0.25] },
  { name: 'no_floats', type: 6 },
  { name: 'some_ints', type: 7, ints: [INT64_MIN, 0, INT64_MAX] },
  { name: 'some_strings', type: 8, strings: [text('a'), new Uint8Array()] },
  { name: 'some_tensors', type: 9, tensors: [{ dims: [1], data_type: 6, int32_data: [7] }] },
  { name: 'some_graphs', type: 10, graphs: [branch('first'), branch('second')] },
  {
    name: 'a_sparse_tensor',
    type: 11,
    sparse_tensor: { ...few, dims: [9] },
  },
  { name: 'a_type', type: 13, tp: { sequence_type: { elem_type: floatType() } } },
  { name: 'a_reference', ref_attr_name: 'outer', type: 1 },
  { name: 'without_type', i: 5 },
  { name: 'many_without_type', ints: [1, 2] },
  { name: 'documented', type: 2, i: 0, doc_string: 'zero, written out', ...unknown },
];

/** Everything that a file of this format may hold, as the messages that stand in it. */
export const oddMessage = {
  ir_version: 13,
  opset_import: [
    { domain: '', version: 21 },
    { domain: 'com.microsoft', version: 1, ...unknown },
  ],
  producer_name: 'nobody',
  producer_version: '0.0',
  domain: 'org.example',
  model_version: INT64_MIN,
  doc_string: 'every oddity',
  graph: {
    node: [
      {
        input: ['x', '', 'floats'],
        output: ['a', '', 'b'],
        name: '',
        op_type: 'Odd',
        domain: 'com.microsoft',
      },
      {
        input: ['a'],
        output: ['y'],
        op_type: 'Odder',
        domain: 'com.microsoft',
        attribute: attributes,
        ...otherUnknown,
      },
      {
        output: ['z'],
        name: 'n',
        op_type: 'Neg',
        overload: 'o',
        doc_string: 'd',
        metadata_props: [entry('m', '')],
      },
      { input: ['z'], output: ['v'], op_type: 'Neg', device_configurations: [{ configuration_id: 'c' }] },
    ],
    name: 'odd',
    initializer: tensors,
    sparse_initializer: [{ ...few, dims: [9] }],
    doc_string: 'a graph',
    input: [
      {
        name: 'x',
        type: floatType({ dim_param: 'batch', denotation: 'N' }, {}, { dim_value: 3 }, { dim_value: 0 }),
      },
      { name: 'untyped', doc_string: 'no type' },
      { name: 'rankless', type: { tensor_type: { elem_type: 1 } } },
      { name: 'map', type: { map_type: { key_type: 7, value_type: floatType() }, denotation: 'M' } },
    ],
    output: [{ name: 'y', type: floatType(), metadata_props: [entry('a', 'b')], ...unknown }],
    value_info: [{ name: 'a', type: { optional_type: { elem_type: floatType({ dim_value: 1 }) } } }],
    quantization_annotation: [{ tensor_name: 'a', quant_parameter_tensor_names: [entry('SCALE', 's')] }],
    metadata_props: [entry('graph', 'g')],
    ...otherUnknown,
  },
  metadata_props: [entry('', ''), entry('names', "{0: 'cat'}")],
  training_info: [{ initialization: { name: 'i' }, update_binding: [entry('w', 'w2')] }],
  functions: [
    {
      name: 'f',
      input: ['i'],
      output: ['o'],
      attribute: ['outer'],
      node: [{ input: ['i'], output: ['o'], op_type: 'Relu' }],
      opset_import: [{ domain: '', version: 21 }],
      domain: 'org.example',
      value_info: [{ name: 'o', type: floatType() }],
      overload: 'one',
      ...unknown,
    },
  ],
  configuration: [{ name: 'c', num_devices: 2, device: ['a', 'b'] }],
  ...unknown,
};

/** The bytes of a model of a graph that has an input, an output and a node of its own beside what is given. */
export function encodeGraph({ node = [], ...graph }: GraphParts, more: object = {}): Uint8Array {
  return encodeMessage({
    ir_version: 8,
    opset_import: [{ domain: '', version: 17 }],
    graph: {
      input: [{ name: 'x' }],
      output: [{ name: 'out' }],
      ...graph,
      node: [...node, { op_type: 'Relu', input: ['x'], output: ['out'] }],
    },
    ...more,
  });
}

interface GraphParts {
  readonly node?: readonly object[];
  readonly [part: string]: unknown;
}

/** The bytes of these messages. */
export function encodeMessage(message: Record<string, unknown>): Uint8Array {
  return ModelType.encode(message).finish();
}
