import onnxProto from 'onnx-proto';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { attribute } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { readBack } from '../../src/proto/read-back.js';
import { ModelType } from '../../src/proto/schema.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { encodeMessage, oddMessage } from '../support/odd-model.js';
import { smallModel } from '../support/small-model.js';

const bytes = encodeMessage(oddMessage);
const model = decodeModel(bytes);

test('the oddities are in the bytes', () => {
  // Without this the comparison below could hold for a file that lost them before it was made.
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  const seen = ModelType.toObject(ModelType.decode(reader), { longs: String });
  expect(seen).toMatchObject({ model_version: '-9223372036854775808', functions: [{ overload: 'one' }] });
  expect(Buffer.from(bytes).toString('hex').split('c23e02aabb')).toHaveLength(1 + 9);
});

describe('a model that was left alone', () => {
  test('is written as it was, byte for byte', () => {
    expect(Buffer.compare(encodeModel(model), bytes)).toBe(0);
  });

  test('and again after a second reading', () => {
    expect(Buffer.compare(encodeModel(decodeModel(encodeModel(model))), bytes)).toBe(0);
  });

  test('reads the same through a second decoder', () => {
    const first = onnxProto.onnx.ModelProto.decode(bytes).toJSON();
    expect(onnxProto.onnx.ModelProto.decode(encodeModel(model)).toJSON()).toEqual(first);
    expect(readBack(encodeModel(model), model)).toBeUndefined();
  });
});

describe('what the in-memory model sees', () => {
  test('versions, metadata, inputs', () => {
    expect(model.irVersion).toBe(13);
    expect([...model.opsets]).toEqual([
      ['', 21],
      ['com.microsoft', 1],
    ]);
    expect(model.metadata.get('names')).toBe("{0: 'cat'}");
    const inputs = model.graph.inputs.map(({ name, dataType, shape }) => [name, dataType, shape]);
    expect(inputs).toEqual([
      ['x', 'float32', ['batch', undefined, 3, 0]],
      ['untyped', undefined, undefined],
      ['rankless', 'float32', undefined],
      ['map', undefined, undefined],
    ]);
  });

  test('nodes: an empty name is none, and the id is the first output', () => {
    const nodes = model.graph.nodes.map(({ id, name, domain, inputs }) => [id, name, domain, inputs]);
    expect(nodes).toEqual([
      ['a', undefined, 'com.microsoft', ['x', '', 'floats']],
      ['y', undefined, 'com.microsoft', ['a']],
      ['z', 'n', '', []],
      ['v', undefined, '', ['z']],
    ]);
  });

  test('attributes of every kind, int64 extremes exact', () => {
    const found = model.graph.nodes[1]?.attributes ?? expect.fail();
    expect(Array.from(found.values(), ({ kind }) => kind).join(' ')).toBe(
      'float int string string tensor graph floats floats ints strings opaque graphs opaque opaque opaque int ints int',
    );
    expect(found.get('an_int')).toMatchObject({ value: 2n ** 63n - 1n });
    expect(found.get('some_ints')).toMatchObject({ value: [-(2n ** 63n), 0n, 2n ** 63n - 1n] });
    expect(found.get('a_float')).toMatchObject({ value: Math.fround(0.1) });
  });
});

test('the type of an attribute decides, whatever other fields are filled in', () => {
  const odd = structuredClone({ ...oddMessage, $unknowns: [] });
  odd.graph.node = [
    { input: [], output: ['y'], op_type: 'Odd', attribute: [{ name: 'n', type: 2, f: 0, i: 3, floats: [] }] },
  ] as never;
  const [node] = decodeModel(encodeMessage(odd)).graph.nodes;
  expect(node?.attributes.get('n')).toMatchObject({ kind: 'int', value: 3n });
});

test('the default domain spelled out is the default domain, and stays spelled out in the file', () => {
  const g = new GraphBuilder();
  g.input('x', [1]);
  g.node('Relu', ['x'], 'y');
  g.output('y');
  const message = onnxProto.onnx.ModelProto.decode(encodeModel(g.build()));
  const [node, opset] = [message.graph?.node?.[0], message.opsetImport[0]];
  if (node && opset) node.domain = opset.domain = 'ai.onnx';
  const spelled = onnxProto.onnx.ModelProto.encode(message).finish();
  const model = decodeModel(spelled);
  expect([model.graph.nodes[0]?.domain, ...model.opsets.keys()]).toEqual(['', '']);
  const again = onnxProto.onnx.ModelProto.decode(encodeModel(model));
  expect([again.graph?.node?.[0]?.domain, again.opsetImport[0]?.domain]).toEqual(['ai.onnx', 'ai.onnx']);
});

describe('a model that was changed', () => {
  test('what is new is written, and the rest stays', () => {
    const changed = decodeModel(bytes);
    changed.opsets.set('', 22);
    changed.metadata.set('made_by', 'test');
    changed.graph.nodes[1]?.attributes.set('an_int', attribute.int(-(2n ** 63n)));
    changed.graph.initializers.set(
      'new',
      tensorOf({ type: 'float32', dims: [2], data: Float32Array.of(1, -2) }),
    );
    const json = onnxProto.onnx.ModelProto.decode(encodeModel(changed)).toJSON();
    expect(json).toMatchObject({ opsetImport: [{ domain: '', version: '22' }, { version: '1' }] });
    expect(json.graph.node[1].attribute[1]).toEqual({
      name: 'an_int',
      type: 'INT',
      i: '-9223372036854775808',
    });
    expect(json.graph.initializer.at(-1)).toEqual({
      name: 'new',
      dims: ['2'],
      dataType: 1,
      rawData: Buffer.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0).toString('base64'),
    });
    changed.graph.initializers.delete('new');
    changed.graph.nodes[1]?.attributes.set('an_int', attribute.int(2n ** 63n - 1n));
    changed.metadata.delete('made_by');
    changed.opsets.set('', 21);
    expect(Buffer.compare(encodeModel(changed), bytes)).toBe(0);
  });

  test('a built model reads the same through a second decoder, int64 extremes too', () => {
    const g = new GraphBuilder();
    g.input('x', ['batch', undefined, 3]);
    g.constant('w', [3, 2], randomFloats(6, 1));
    g.node(
      'MatMul',
      ['x', 'w'],
      'y',
      {
        low: attribute.int(-(2n ** 63n)),
        high: attribute.int(2n ** 63n - 1n),
        minus: attribute.int(-1),
        word: attribute.int(2n ** 32n + 5n),
      },
      'a name',
    );
    g.output('y');
    const built = onnxProto.onnx.ModelProto.decode(encodeModel(g.build())).graph;
    expect(built?.node?.[0]).toMatchObject({ name: 'a name', opType: 'MatMul', domain: '' });
    const values = built?.node?.[0]?.attribute?.map((found) => String(found.i));
    expect(values).toEqual(['-9223372036854775808', '9223372036854775807', '-1', '4294967301']);
    expect(built?.input?.[0]?.type?.tensorType?.shape?.dim).toEqual([
      { dimParam: 'batch' },
      {},
      { dimValue: expect.objectContaining({ low: 3 }) },
    ]);
  });
});

test('tensors are views of the bytes, or copies that do not keep them', () => {
  const bytes = encodeModel(smallModel());
  const buffers = (mode: 'views' | 'copies') =>
    [...decodeModel(bytes, mode).graph.initializers.values()].map(({ storage }) =>
      storage.kind === 'raw' ? storage.bytes.buffer === bytes.buffer : undefined,
    );
  expect(new Set(buffers('views'))).toEqual(new Set([true]));
  expect(new Set(buffers('copies'))).toEqual(new Set([false]));
  expect(encodeModel(decodeModel(bytes, 'copies'))).toEqual(encodeModel(decodeModel(bytes)));
});
