import { describe, expect, it } from 'vitest';
import { convertModel } from '../../src/convert/convert-model.js';
import { makeRunnable } from '../../src/convert/make-runnable.js';
import { attribute, type Model, opsetOf } from '../../src/graph/model.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { encodeModel } from '../../src/proto/encode.js';
import { withSession } from '../../src/runtime/session.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { refusalOf } from '../support/refusal.js';

const dims = [1, 2, 2, 3];
const values = Array.from({ length: 12 }, (_, i) => i - 5);
const feed = { x: { type: 'float32', dims, data: Float32Array.from(values) } satisfies NdArray };

/** The output of a model, run as the newest opset that it is brought to. */
async function outputOf(model: Model): Promise<number[]> {
  return withSession(encodeModel(model), { mode: 'disabled' }, async (session) =>
    Array.from((await session.run(feed)).get('y')?.data as Float32Array),
  );
}

function modelOf(build: (g: GraphBuilder) => void): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', dims);
  build(g);
  g.output('y');
  return g;
}

/** Plane by plane: what channel `c` makes of a value. */
const byChannel = (f: (value: number, c: number) => number) =>
  values.map((value, i) => f(value, Math.floor(i / 6)));

describe('opset 5 and 6', () => {
  it.each<[string, (g: GraphBuilder) => void, number[]]>([
    [
      'Add of one value a channel, at axis 1',
      (g) => {
        g.constant('b', [2], [10, 20]);
        g.node('Add', ['x', 'b'], 'y', { broadcast: 1, axis: 1, consumed_inputs: [0, 0] });
      },
      byChannel((value, c) => value + (c === 0 ? 10 : 20)),
    ],
    [
      'Mul at the last axes, which no axis says',
      (g) => {
        g.constant('b', [3], [1, 2, 3]);
        g.node('Mul', ['x', 'b'], 'y', { broadcast: 1 });
      },
      values.map((value, i) => value * ((i % 3) + 1)),
    ],
    [
      'Sub of a computed operand at axis 1',
      (g) => {
        g.constant('n', [2], [-10, -20]);
        g.node('Neg', ['n'], 'b');
        g.graph.valueInfo.set('b', { name: 'b', dataType: 'float32', shape: [2] });
        g.node('Sub', ['x', 'b'], 'y', { broadcast: 1, axis: 1 });
      },
      byChannel((value, c) => value - (c === 0 ? 10 : 20)),
    ],
    [
      'PRelu with a slope a channel',
      (g) => {
        g.constant('s', [2], [0.5, 2]);
        g.node('PRelu', ['x', 's'], 'y');
      },
      byChannel((value, c) => (value < 0 ? value * (c === 0 ? 0.5 : 2) : value)),
    ],
    [
      'Upsample by a factor for the height',
      (g) =>
        g.node('Upsample', ['x'], 'y', {
          height_scale: { kind: 'float', value: 2 },
          width_scale: { kind: 'float', value: 1 },
        }),
      [0, 0, 1, 1, 2, 2, 3, 3].flatMap((row) => values.slice(row * 3, row * 3 + 3)),
    ],
    [
      'Cast to a type by its name, and back',
      (g) => {
        g.node('Cast', ['x'], 'i', { to: 'INT32' });
        g.node('Cast', ['i'], 'y', { to: 'FLOAT' });
      },
      values,
    ],
    [
      'Tile along one axis',
      (g) => {
        g.constant('n', [1], [2]);
        g.constant('axis', [1], [2]);
        g.node('Tile', ['x', 'n', 'axis'], 'y');
      },
      [0, 1, 0, 1, 2, 3, 2, 3].flatMap((row) => values.slice(row * 3, row * 3 + 3)),
    ],
    [
      'Reshape with its shape as an attribute',
      (g) => {
        g.node('Reshape', ['x'], 'r', { shape: [2, 6], consumed_inputs: [0] });
        g.node('Transpose', ['r'], 'y', { perm: [1, 0] });
      },
      [0, 1, 2, 3, 4, 5].flatMap((i) => [values[i] ?? 0, values[i + 6] ?? 0]),
    ],
    [
      'Reshape with its shape as an input',
      (g) => {
        g.constant('s', [1], BigInt64Array.of(-1n));
        g.node('Reshape', ['x', 's'], 'y');
      },
      values,
    ],
    [
      'Relu with its hint',
      (g) => g.node('Relu', ['x'], 'y', { consumed_inputs: [0] }),
      values.map((v) => Math.max(v, 0)),
    ],
  ])('%s', async (_, build, expected) => {
    for (const opset of [5, 6]) {
      const model = modelOf(build).build({ opset, irVersion: 3 });
      expect(makeRunnable(model, 'm.onnx')).toBe(true);
      expect(opsetOf(model)).toBe(7);
      convertModel(model, 'm.onnx');
      expect(opsetOf(model)).toBe(13);
      expect(await outputOf(model)).toEqual(expected);
    }
  });

  it('is refused where its operands could stand anywhere', async () => {
    const g = new GraphBuilder();
    g.graph.inputs.push({ name: 'x', dataType: 'float32', shape: undefined });
    g.constant('b', [2], [1, 2]);
    g.node('Add', ['x', 'b'], 'y', { broadcast: 1, axis: 1 });
    g.output('y');
    const { code, message } = await refusalOf(() => makeRunnable(g.build({ opset: 6 }), 'm.onnx'));
    expect([code, message]).toEqual([
      'operator-unconvertible',
      expect.stringMatching(/Add "y" of opset 6.*opset 7/),
    ]);
  });
});

describe('opset 27 and 28, IR 14', () => {
  it('are lowered, and run', async () => {
    const model = modelOf((g) => g.node('SpaceToDepth', ['r'], 'y', { blocksize: 1, mode: 'DCR' })).build({
      opset: 28,
      irVersion: 14,
    });
    model.graph.nodes.unshift(modelOf((g) => g.node('Relu', ['x'], 'r')).graph.nodes[0] as never);
    expect(makeRunnable(model, 'm.onnx')).toBe(true);
    expect([opsetOf(model), model.irVersion]).toEqual([26, 13]);
    expect(await outputOf(model)).toEqual(values.map((value) => Math.max(value, 0)));
  });

  it('leave what runs as it is', () => {
    const model = modelOf((g) => g.node('Relu', ['x'], 'y')).build({ opset: 26, irVersion: 13 });
    expect(makeRunnable(model, 'm.onnx')).toBe(false);
  });

  it.each([
    ['SwiGLU', {}],
    ['LinearAttention', {}],
    ['SpaceToDepth', { blocksize: 1, mode: attribute.string('CRD') }],
  ])('are refused with the name of what is new: %s', async (opType, attributes) => {
    const model = modelOf((g) => g.node(opType, ['x'], 'y', attributes)).build({ opset: 28, irVersion: 14 });
    const { code, message } = await refusalOf(() => makeRunnable(model, 'm.onnx'));
    expect([code, message]).toEqual([
      'operator-too-new',
      expect.stringContaining(`${opType} "y" of opset 28`),
    ]);
  });
});
