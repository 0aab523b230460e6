import { describe, expect, it } from 'vitest';
import { widenModel } from '../../src/convert/widen.js';
import type { DataType } from '../../src/graph/data-type.js';
import type { Model } from '../../src/graph/model.js';
import { type Tensor, tensorOf } from '../../src/graph/tensor.js';
import { loadAnyModel } from '../../src/load/load-model.js';
import { halfToNumber, numberToBfloat16, numberToHalf } from '../../src/numerics/half.js';
import { encodeModel } from '../../src/proto/encode.js';
import { quantize } from '../../src/run/quantize.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { temporaryFile } from '../support/temporary-file.js';

const CODES = { float32: 1, float16: 10, bfloat16: 16 } as const;
type Float = keyof typeof CODES;

/** Floats that every type has exactly. */
const values = (count: number, seed: number): number[] =>
  Array.from(randomFloats(count, seed), (value) => halfToNumber(numberToHalf(Math.round(value * 64) / 64)));

function constant(type: Float, dims: readonly number[], floats: readonly number[]): Tensor {
  if (type === 'float32') return tensorOf({ type, dims, data: Float32Array.from(floats) });
  const bits = Uint16Array.from(floats, type === 'float16' ? numberToHalf : numberToBfloat16);
  return { ...tensorOf({ type: 'uint16', dims, data: bits }), dataType: type };
}

/** Conv → Relu → Conv of one float type; its inputs and outputs of the same, or of float32 behind Casts. */
function net(type: Float, io: DataType): Model {
  const g = new GraphBuilder();
  const isCast = io !== type;
  g.input('x', [1, 2, 6, 6], io);
  const x = isCast ? g.node('Cast', ['x'], 'x_narrow', { to: CODES[type] }) : 'x';
  g.graph.initializers.set('w', constant(type, [4, 2, 3, 3], values(72, 1)));
  g.graph.initializers.set('b', constant(type, [4], values(4, 2)));
  g.graph.initializers.set('v', constant(type, [3, 4, 1, 1], values(12, 3)));
  g.node('Relu', [g.node('Conv', [x, 'w', 'b'], 'c')], 'r');
  g.node('Conv', ['r', 'v'], isCast ? 'y_narrow' : 'y');
  if (isCast) g.node('Cast', ['y_narrow'], 'y', { to: 1 });
  g.output('y', undefined, io);
  return g.build();
}

const fileOf = (model: Model): string => temporaryFile('m.onnx', encodeModel(model));

describe('a model of 16-bit floats', () => {
  it.each([
    ['float16', 'float16'],
    ['float16', 'float32'],
    ['bfloat16', 'float32'],
    ['bfloat16', 'bfloat16'],
  ] as const)('of %s with %s outside has the codes of its float32 twin', async (type, io) => {
    for (const recipe of [{ bits: 4 }, { bits: 8, dynamic: true, actBits: 8 }] as const) {
      const stored: (readonly unknown[])[] = [];
      for (const model of [net(type, io), net('float32', 'float32')]) {
        const output = temporaryFile('q.onnx', new Uint8Array());
        await quantize({ model: fileOf(model), output, recipe });
        const { graph } = (await loadAnyModel(output)).model;
        expect(graph.outputs[0]?.name).toBe('y');
        const codes = [...graph.initializers.values()].filter(({ dataType }) =>
          /^u?int(8|4)$/.test(dataType),
        );
        expect(codes.length).toBeGreaterThan(0);
        stored.push(codes.map(({ dims, storage }) => ({ dims, storage })));
        if (model.graph.inputs[0]?.dataType === io) {
          expect([graph.inputs[0]?.dataType, graph.outputs[0]?.dataType]).toEqual([io, io]);
        }
      }
      expect(stored[0]).toEqual(stored[1]);
    }
  });

  it('has no Cast between floats left, but those of its inputs and outputs', () => {
    const narrow = net('float16', 'float16');
    expect(widenModel(narrow)).toBe(true);
    expect(narrow.graph.nodes.map(({ opType }) => opType)).toEqual(['Cast', 'Conv', 'Relu', 'Conv', 'Cast']);
    const cast = net('float16', 'float32');
    widenModel(cast);
    expect(cast.graph.nodes.map(({ opType }) => opType)).toEqual([
      'Identity',
      'Conv',
      'Relu',
      'Conv',
      'Identity',
    ]);
  });

  it('keeps a Cast from integers, which makes floats', () => {
    const g = new GraphBuilder();
    g.input('x', [1, 4], 'int64');
    g.node('Cast', ['x'], 'f', { to: 10 });
    g.graph.initializers.set('w', constant('float16', [4, 2], values(8, 1)));
    g.output(g.node('MatMul', ['f', 'w'], 'y'), undefined, 'float16');
    const model = g.build();
    widenModel(model);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Cast', 'MatMul', 'Cast']);
    expect(model.graph.nodes[0]?.attributes.get('to')).toEqual({ kind: 'int', value: 1n });
  });

  it('is none where float32 holds more', () => {
    expect(widenModel(net('float32', 'float32'))).toBe(false);
  });
});
