import { expect, test } from 'vitest';
import { convertModel } from '../../src/convert/convert-model.js';
import { raisedFor } from '../../src/emit/raise-opset.js';
import { type Attribute, type Model, opsetOf } from '../../src/graph/model.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { encodeModel } from '../../src/proto/encode.js';
import { withSession } from '../../src/runtime/session.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';

/** An operator in its old form, and the opset that it is of. */
interface OldOperator {
  readonly name: string;
  readonly opset: number;
  readonly dims?: readonly number[];
  /** Builds the operator from `x` to `y`. */
  build(g: GraphBuilder): void;
  /** What stands for it afterwards. */
  readonly becomes?: readonly string[];
}

const floats = (...value: number[]): Attribute => ({ kind: 'floats', value });
const float = (value: number): Attribute => ({ kind: 'float', value });

const single = (
  opType: string,
  opset: number,
  attributes: Parameters<GraphBuilder['node']>[3],
  becomes: readonly string[] = [opType],
): OldOperator => ({
  name: `${opType} of opset ${opset} ${JSON.stringify(attributes, (_, v) => (typeof v === 'bigint' ? Number(v) : v))}`,
  opset,
  becomes,
  build: (g) => g.node(opType, ['x'], 'y', attributes),
});

const cases: readonly OldOperator[] = [
  { ...single('Squeeze', 11, { axes: [1] }), dims: [2, 1, 4] },
  { ...single('Squeeze', 11, {}), dims: [2, 1, 4] },
  single('Unsqueeze', 9, { axes: [0, 3] }),
  single('ReduceSum', 11, { axes: [1], keepdims: 0 }),
  single('ReduceSum', 7, {}),
  single('Softmax', 11, { axis: 1 }, ['Shape', 'Flatten', 'Softmax', 'Reshape']),
  single('Softmax', 11, {}, ['Shape', 'Flatten', 'Softmax', 'Reshape']),
  single('Softmax', 11, { axis: 2 }),
  single('Softmax', 11, { axis: -1 }),
  single('LogSoftmax', 9, { axis: 0 }, ['Shape', 'Flatten', 'LogSoftmax', 'Reshape']),
  single('Hardmax', 11, { axis: 1 }, ['Shape', 'Flatten', 'Hardmax', 'Reshape']),
  single('Clip', 7, { min: float(-0.5), max: float(0.25) }),
  single('Clip', 7, { max: float(0.25) }),
  single('Clip', 10, {}),
  single('Pad', 9, { pads: [0, 1, 0, 0, 0, 2], value: float(3.5) }),
  single('Pad', 10, { pads: [0, 1, 1, 0, 1, 1], mode: 'reflect' }),
  single('Slice', 9, { starts: [1, 0], ends: [3, 2], axes: [1, 2] }),
  {
    ...single('Slice', 7, { starts: [0, 1] }),
    build: (g) => {
      const ends: Attribute = { kind: 'ints', value: [1n, 0x7fffffffffffffffn] };
      g.node('Slice', ['x'], 'y', { starts: [0, 1], ends });
    },
  },
  {
    name: 'TopK of opset 7',
    opset: 7,
    becomes: ['TopK'],
    build: (g) => g.node('TopK', ['x'], ['y', 'indices'], { k: 2, axis: 1 }),
  },
  {
    name: 'Split of opset 11',
    opset: 11,
    becomes: ['Split', 'Concat'],
    build: (g) => {
      g.node('Split', ['x'], ['a', 'b'], { axis: 1, split: [1, 2] });
      g.node('Concat', ['b', 'a'], 'y', { axis: 1 });
    },
  },
  single('Dropout', 7, { ratio: float(0.5) }),
  single('Dropout', 10, { ratio: float(0.5) }),
  { ...single('Upsample', 7, { scales: floats(1, 1, 2, 3) }, ['Resize']), dims: [1, 2, 3, 4] },
  {
    ...single('Upsample', 7, { scales: floats(1, 1, 2, 2), mode: 'linear' }, ['Resize']),
    dims: [1, 2, 3, 4],
  },
  ...[
    ['nearest', [1, 1, 1.7, 2.3]],
    ['nearest', [1, 1, 0.5, 0.4]],
    ['linear', [1, 1, 1.5, 0.6]],
  ].map(
    ([mode, scales]): OldOperator => ({
      name: `Resize of opset 10 (${mode}, ${scales})`,
      opset: 10,
      dims: [1, 2, 6, 7],
      becomes: ['Resize'],
      build: (g) => {
        g.constant('scales', [4], Float32Array.from(scales as number[]));
        g.node('Resize', ['x', 'scales'], 'y', { mode: mode as string });
      },
    }),
  ),
  {
    name: 'Upsample of opset 9 with scales from a Constant node',
    opset: 9,
    dims: [1, 2, 3, 4],
    becomes: ['Constant', 'Resize'],
    build: (g) => {
      const bytes = new Uint8Array(Float32Array.of(1, 1, 2, 2).buffer);
      const value: Tensor = { dataType: 'float32', dims: [4], storage: { kind: 'raw', bytes } };
      g.node('Constant', [], 'scales', { value: { kind: 'tensor', value } });
      g.node('Upsample', ['x', 'scales'], 'y', { mode: 'nearest' });
    },
  },
  {
    name: 'BatchNormalization of opset 7',
    opset: 7,
    dims: [2, 3, 4],
    becomes: ['BatchNormalization'],
    build: (g) => {
      for (const [name, values] of Object.entries({
        g: [2, -3, 0.5],
        b: [1, 2, 3],
        m: [-1, 4, 0],
        v: [4, 9, 0.1],
      })) {
        g.constant(name, [3], values);
      }
      g.node('BatchNormalization', ['x', 'g', 'b', 'm', 'v'], 'y', { spatial: 1, epsilon: float(1e-3) });
    },
  },
  {
    name: 'Scatter of opset 9',
    opset: 9,
    dims: [3, 3],
    becomes: ['ScatterElements'],
    build: (g) => {
      g.constant('indices', [1, 2], BigInt64Array.of(2n, 0n));
      g.constant('updates', [1, 2], [7, 8]);
      g.node('Scatter', ['x', 'indices', 'updates'], 'y', { axis: 1 });
    },
  },
];

test.each(cases)('$name means the same at opset 13', async ({ opset, dims = [2, 3, 4], build, becomes }) => {
  const g = new GraphBuilder();
  g.input('x', dims);
  build(g);
  g.output('y');
  const model = g.build({ opset, irVersion: 6 });
  const feed = randomFeed('x', dims, 11);
  const run = () => withSession(encodeModel(model), { mode: 'disabled' }, (session) => session.run(feed));
  const before = (await run()).get('y');
  convertModel(model, 'old.onnx');
  const after = (await run()).get('y');
  expect(opsetOf(model)).toBe(13);
  expect(after?.dims).toEqual(before?.dims);
  expect(after?.data).toEqual(before?.data);
  expect(model.graph.nodes.map((node) => node.opType)).toEqual(becomes);
});

const later: readonly OldOperator[] = [
  ...['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map((name) =>
    single(`Reduce${name}`, 13, { axes: [-1], keepdims: 0 }),
  ),
  single('ReduceMean', 17, {}),
  {
    name: 'Split of opset 13 without sizes',
    opset: 13,
    dims: [2, 4, 3],
    becomes: ['Split', 'Concat'],
    build: (g) => {
      g.node('Split', ['x'], ['a', 'b'], { axis: 1 });
      g.node('Concat', ['b', 'a'], 'y', { axis: 1 });
    },
  },
  ...['bilinear', 'bicubic', 'nearest'].map(
    (mode): OldOperator => ({
      name: `GridSample of opset 16, ${mode}`,
      opset: 16,
      dims: [1, 1, 4, 4],
      becomes: ['GridSample'],
      build: (g) => {
        g.constant('grid', [1, 2, 2, 2], [-0.9, -0.4, 0.1, 0.33, 0.7, -0.2, 0.5, 1.2]);
        g.node('GridSample', ['x', 'grid'], 'y', mode === 'bilinear' ? {} : { mode });
      },
    }),
  ),
  {
    name: 'RoiAlign of opset 13',
    opset: 13,
    dims: [1, 1, 6, 6],
    becomes: ['RoiAlign'],
    build: (g) => {
      g.constant('rois', [1, 4], [0.7, 1.1, 4.3, 5.2]);
      g.constant('batch', [1], BigInt64Array.of(0n));
      g.node('RoiAlign', ['x', 'rois', 'batch'], 'y', { output_height: 2, output_width: 2 });
    },
  },
];

test.each(later)('$name means the same at opset 21', async ({ opset, dims = [2, 3, 4], build, becomes }) => {
  const g = new GraphBuilder();
  g.input('x', dims);
  build(g);
  g.output('y');
  const model = g.build({ opset, irVersion: 8 });
  const feed = randomFeed('x', dims, 11, 0.1, 2);
  const run = (from: Model) =>
    withSession(encodeModel(from), { mode: 'disabled' }, (session) => session.run(feed));
  const before = (await run(model)).get('y');
  const written = raisedFor(model, { format: 'qdq-blocks' }, 'old.onnx');
  const after = (await run(written)).get('y');
  expect([opsetOf(model), opsetOf(written)]).toEqual([opset, 21]);
  expect(after?.dims).toEqual(before?.dims);
  expect(after?.data).toEqual(before?.data);
  expect(written.graph.nodes.map((node) => node.opType)).toEqual(becomes);
});

test.each([
  ['DFT', 17],
  ['GroupNormalization', 18],
])('%s of opset %i cannot be raised to 21, and is named', (opType, opset) => {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 4, 1]);
  g.node(opType, ['x'], 'y', {}, 'odd');
  g.output('y');
  const model = g.build({ opset, irVersion: 8 });
  expect(() => raisedFor(model, { format: 'qdq-blocks' }, 'old.onnx')).toThrow(
    `${opType} "odd" of opset ${opset}`,
  );
  expect(raisedFor(model, { format: 'packed' }, 'old.onnx')).toBe(model);
});

test('opset 13 and above is never raised', () => {
  const g = new GraphBuilder();
  g.input('x', [1]);
  g.node('Relu', ['x'], 'y');
  g.output('y');
  for (const opset of [13, 17, 21]) {
    const model = g.build({ opset });
    expect(convertModel(model, 'new.onnx')).toBe(0);
    expect(opsetOf(model)).toBe(opset);
  }
});

test.each<[string, number, (g: GraphBuilder) => void, RegExp]>([
  [
    'a Resize that grows one axis and shrinks another',
    10,
    (g) => {
      g.constant('scales', [4], Float32Array.of(1, 1, 2, 0.5));
      g.node('Resize', ['x', 'scales'], 'y', {}, 'mixed');
    },
    /Resize "mixed" of opset 10 cannot be converted.*grow and some shrink/,
  ],
  [
    'a Dropout whose mask is read',
    7,
    (g) => {
      g.node('Dropout', ['x'], ['d', 'mask'], {}, 'drop');
      g.node('Add', ['d', 'mask'], 'y');
    },
    /Dropout "drop".*mask is read/,
  ],
  [
    'a BatchNormalization a position',
    7,
    (g) => g.node('BatchNormalization', ['x', 'a', 'b', 'c', 'd'], 'y', { spatial: 0 }, 'bn'),
    /BatchNormalization "bn".*spatial/,
  ],
])('%s is refused by name, with the way out', (_, opset, build, says) => {
  const g = new GraphBuilder();
  g.input('x', [1, 1, 4, 4]);
  build(g);
  g.output('y');
  expect(() => convertModel(g.build({ opset, irVersion: 4 }), 'old.onnx')).toThrow(says);
});
