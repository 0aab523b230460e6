import { createHash } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addRecipe } from '../../src/emit/recipe-metadata.js';
import type { Model } from '../../src/graph/model.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { loadModel } from '../../src/load/load-model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { defaultRecipe } from '../../src/recipe.js';
import { ifNode } from '../support/branching-model.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { expectRefusal } from '../support/refusal.js';
import { smallModel } from '../support/small-model.js';
import { temporaryFile } from '../support/temporary-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const load = (bytes: Uint8Array | string) => loadModel(temporaryFile('model.onnx', bytes));
const loadBuilt = (model: Model) => load(encodeModel(model));

test('a model, its path and its hash', async () => {
  const bytes = encodeModel(smallModel());
  const path = temporaryFile('model.onnx', bytes);
  const loaded = await loadModel(path);
  expect(loaded.path).toBe(path);
  expect(loaded.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect(loaded.model.graph.nodes.map((node) => node.id)).toEqual(['product', 'y']);
});

describe('versions', () => {
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

  test.each(range(3, 13))('IR %i is read', async (irVersion) => {
    expect((await loadBuilt(smallModel({ irVersion }))).model.irVersion).toBe(irVersion);
  });

  test.each(range(7, 26))('opset %i is read', async (opset) => {
    expect((await loadBuilt(smallModel({ opset }))).model.opsets.get('')).toBe(opset);
  });

  test('the default domain may be spelled out', async () => {
    const model = { ...smallModel(), opsets: new Map([['ai.onnx', 17]]) };
    expect((await loadBuilt(model)).model.opsets.get('')).toBe(17);
  });

  test.each([
    [{ irVersion: 15 }, 'model-too-new', 'IR version 15; this version reads 3 to 14'],
    [{ opset: 29 }, 'model-too-new', 'opset 29; this version reads 5 to 28'],
    [{ opset: 4 }, 'model-too-old', 'opset 4'],
    [{ irVersion: 2 }, 'not-a-model', 'IR version is 2'],
    [{ irVersion: 0 }, 'not-a-model', 'IR version is 0'],
  ] as const)('%j is refused', async (versions, code, message) => {
    const error = await expectRefusal(() => loadBuilt(smallModel(versions)), code, 2);
    expect(error.message).toContain(message);
  });
});

describe('no model at all', () => {
  test('no file', async () => {
    await expectRefusal(() => loadModel(join(temporaryFolder(), 'none.onnx')), 'file-missing', 2);
  });

  test('a folder', async () => {
    const error = await expectRefusal(() => loadModel(temporaryFolder()), 'file-odd', 2);
    expect(error.message).toContain('it is a folder');
  });

  test('a path through a file', async () => {
    await expectRefusal(() => loadModel(join(temporaryFile('a', ''), 'b.onnx')), 'file-unreadable', 3);
  });

  // A superuser reads every file.
  test.skipIf(process.getuid?.() === 0)('a file without permission', async () => {
    const path = temporaryFile('secret.onnx', encodeModel(smallModel()));
    chmodSync(path, 0);
    await expectRefusal(() => loadModel(path), 'file-unreadable', 3);
  });

  test.each([
    ['an empty file', '', 'it is empty'],
    [
      'a git-lfs pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n',
      'git-lfs pointer',
    ],
    ['text', '{"model": "json"}', ''],
    ['a picture', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), ''],
    ['zeros', new Uint8Array(64), ''],
  ])('%s', async (_, bytes, reason) => {
    const error = await expectRefusal(() => load(bytes), 'not-a-model', 2);
    expect(error.message).toContain(reason);
  });
});

describe('tensors that are not what they say', () => {
  const floats = (storage: Tensor['storage'], dims = [4]): Tensor => ({ dataType: 'float32', dims, storage });
  const raw = (length: number) => floats({ kind: 'raw', bytes: new Uint8Array(length) });
  const external = floats({ kind: 'external', location: 'weights.bin' });
  const typed = (count: number) =>
    floats({ kind: 'typed', field: 'float_data', values: Array(count).fill(1) });
  const absent = floats({ kind: 'typed', field: '', values: [] });

  /** Where a tensor may stand. */
  const places: [string, (tensor: Tensor) => Model][] = [
    [
      'an initializer',
      (tensor) => {
        const model = smallModel();
        model.graph.initializers.set('t', tensor);
        return model;
      },
    ],
    [
      'a Constant',
      (tensor) => {
        const g = new GraphBuilder();
        g.node('Constant', [], 't', { value: { kind: 'tensor', value: tensor } });
        g.output('t');
        return g.build();
      },
    ],
    [
      'an initializer of a branch',
      (tensor) => {
        const g = new GraphBuilder();
        g.input('condition', [], 'bool');
        ifNode(g, 'condition', 'y', 'Relu', ['t']);
        g.output('y');
        const [branch] = g.graph.nodes[0]?.attributes.values() ?? [];
        if (branch?.kind === 'graph') branch.value.initializers.set('t', tensor);
        g.constant('t', [1], [0]);
        return g.build();
      },
    ],
  ];

  describe.each(places)('as %s', (_, place) => {
    test.each([
      ['raw', raw(16)],
      ['typed', typed(4)],
      ['empty', { ...absent, dims: [0] }],
    ])('%s elements that are all there', async (_name, tensor) => {
      await expect(loadBuilt(place(tensor))).resolves.toBeDefined();
    });

    test.each([
      ['too few bytes', raw(15)],
      ['too many bytes', raw(20)],
      ['too few numbers', typed(3)],
      ['too many numbers', typed(5)],
      ['no elements at all', absent],
      ['a shape beyond all memory', { ...raw(16), dims: [2 ** 40, 2 ** 40] }],
    ])('%s', async (_name, tensor) => {
      const error = await expectRefusal(() => loadBuilt(place(tensor)), 'model-malformed', 2);
      expect(error.message).toContain('"t"');
    });

    test('elements in another file', async () => {
      const carried = { data_location: 1, external_data: [{ key: 'location', value: 'weights.bin' }] };
      const path = temporaryFile('model.onnx', encodeModel(place({ ...external, carried })));
      const error = await expectRefusal(() => loadModel(path), 'external-unreadable', 2);
      expect(error.message).toContain('"t" in "weights.bin"');
      writeFileSync(join(dirname(path), 'weights.bin'), new Uint8Array(16));
      const bytes = Buffer.from(encodeModel((await loadModel(path)).model));
      expect(bytes.includes('weights.bin')).toBe(false);
    });
  });

  test('typed fields pack small types and spread complex ones', async () => {
    const model = smallModel();
    const set = (name: string, dataType: Tensor['dataType'], dims: number[], field: string, count: number) =>
      model.graph.initializers.set(name, {
        dataType,
        dims,
        storage: { kind: 'typed', field, values: Array(count).fill(1) },
      });
    set('nibbles', 'int4', [5], 'int32_data', 3);
    set('pairs', 'uint2', [5], 'int32_data', 2);
    set('halves', 'float16', [5], 'int32_data', 5);
    set('complex', 'complex64', [5], 'float_data', 10);
    await expect(loadBuilt(model)).resolves.toBeDefined();
    set('pairs', 'uint2', [5], 'int32_data', 5);
    await expectRefusal(() => loadBuilt(model), 'model-malformed', 2);
  });
});

describe('graphs that are refused', () => {
  test.each([
    ...['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'QLinearConv', 'QLinearMatMul'],
    ...['MatMulInteger', 'ConvInteger', 'MatMulNBits', 'MatMulBnb4', 'QGemm', 'QAttention', 'QOrderedMatMul'],
    ...['DynamicQuantizeMatMul', 'DynamicQuantizeLSTM', 'MatMulIntegerToFloat', 'GatherBlockQuantized'],
  ])('one that has %s', async (opType) => {
    const g = new GraphBuilder();
    g.input('x', [1]);
    g.node(opType, ['x'], 'a');
    g.node(opType, ['a'], 'y');
    g.output('y');
    const error = await expectRefusal(() => loadBuilt(g.build()), 'already-quantized', 2);
    expect(error.message).toContain(`2 operators like ${opType}`);
    expect(error.hint).toBe('Give the float model that it was made from.');
  });

  test('one that is quantized within a subgraph, by an operator of another domain', async () => {
    const branch = new GraphBuilder();
    branch.node('MatMulNBits', ['x'], 'inner');
    branch.graph.nodes[0] = { ...(branch.graph.nodes[0] ?? expect.fail()), domain: 'com.microsoft' };
    branch.output('inner');
    const g = new GraphBuilder();
    g.input('condition', [], 'bool');
    g.input('x', [1]);
    const graph = { kind: 'graph', value: branch.graph } as const;
    g.node('If', ['condition'], 'y', { then_branch: graph, else_branch: graph });
    g.output('y');
    const error = await expectRefusal(() => loadBuilt(g.build()), 'already-quantized', 2);
    expect(error.message).toContain('1 operators like MatMulNBits');
  });

  test('one of our own whose weights alone are quantized, in operators that any model may have', async () => {
    const model = smallModel();
    addRecipe(model, { ...defaultRecipe, activations: { kind: 'float' } });
    const error = await expectRefusal(() => loadBuilt(model), 'made-by-this-tool', 2);
    expect(error.hint).toBe('Give the float model that it was made from.');
    // Another tool's note is none of ours.
    const other = smallModel();
    other.metadata.set('quantize', 'no');
    await expect(loadBuilt(other)).resolves.toBeDefined();
  });

  test('two nodes that make one value', async () => {
    const g = new GraphBuilder();
    g.input('x', [1]);
    g.node('Relu', ['x'], 'y');
    g.node('Neg', ['x'], 'y');
    g.output('y');
    const error = await expectRefusal(() => loadBuilt(g.build()), 'model-malformed', 2);
    expect(error.message).toContain('two nodes make "y"');
  });

  test('outputs left out are no values', async () => {
    const g = new GraphBuilder();
    g.input('x', [1]);
    g.node('Dropout', ['x'], ['a', '']);
    g.node('Dropout', ['a'], ['y', '']);
    g.output('y');
    await expect(loadBuilt(g.build())).resolves.toBeDefined();
  });
});
