import { describe, expect, it } from 'vitest';
import { attribute, type Model } from '../../src/graph/model.js';
import { place } from '../../src/place/place.js';
import { defaultRecipe } from '../../src/recipe.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { between, finish, Net } from '../support/nets.js';
import { quantizeModel, reasonFor, roleOf } from '../support/quantize-model.js';
import { optimizedOps, runIn } from '../support/sessions.js';

const scalarInput = (net: Net, name: string) => net.input(name, []);

interface Exception {
  readonly name: string;
  readonly model: () => Model;
  readonly reason: string;
  /** The optimized graph: the exception is float, its neighbours are not. */
  readonly ops: string;
}

const exceptions: readonly Exception[] = [
  {
    name: 'AveragePool with ceil_mode and count_include_pad',
    model: () =>
      between((net, v) =>
        net.node('AveragePool', [v], 'o', {
          kernel_shape: [3, 3],
          strides: [2, 2],
          pads: [1, 1, 1, 1],
          ceil_mode: 1,
          count_include_pad: 1,
        }),
      ),
    reason: 'its integer kernel is wrong with ceil_mode and count_include_pad together',
    ops: 'Q QLinearConv DQ Clip AveragePool Q QLinearConv DQ',
  },
  {
    name: 'AveragePool with dilations',
    model: () =>
      between((net, v) => net.node('AveragePool', [v], 'o', { kernel_shape: [2, 2], dilations: [2, 2] }), {
        opset: 19,
        irVersion: 9,
      }),
    reason: 'its integer kernel has no dilations',
    ops: 'Q QLinearConv DQ Clip AveragePool Q QLinearConv DQ',
  },
  {
    name: 'Resize, linear',
    model: () =>
      between((net, v) =>
        net.node('Resize', [v, '', net.constant('scales', [4], [1, 1, 2, 2])], 'o', { mode: 'linear' }),
      ),
    reason: 'it interpolates (linear)',
    ops: 'Q QLinearConv DQ Resize Q QLinearConv DQ',
  },
  {
    name: 'Resize of a crop, whose extrapolation value is a real number',
    model: () =>
      between((net, v) =>
        net.node(
          'Resize',
          [
            v,
            net.constant('roi', [8], [0, 0, -0.5, -0.5, 1, 1, 1.5, 1.5]),
            '',
            net.int64('sizes', [1, 4, 8, 8]),
          ],
          'o',
          { mode: 'nearest', coordinate_transformation_mode: 'tf_crop_and_resize' },
        ),
      ),
    reason: 'it extrapolates by a real number',
    ops: 'Q QLinearConv DQ Resize Q QLinearConv DQ',
  },
  {
    name: 'MaxPool with its indices',
    model: () => {
      const net = new Net();
      net.input('x', [1, 4, 8, 8]);
      net.node('MaxPool', [net.conv('x', 'before')], ['o', 'indices'], { kernel_shape: [2, 2] });
      net.output('indices', undefined, 'int64');
      return finish(net, net.conv('o', 'y'));
    },
    reason: 'its indices are an output too',
    // The runtime draws the Q before the next Conv back over the pool.
    ops: 'Q QLinearConv DQ Q DQ MaxPool Q QLinearConv DQ',
  },
  {
    name: 'HardSigmoid that falls',
    model: () => between((net, v) => net.node('HardSigmoid', [v], 'o', { alpha: attribute.float(-0.2) })),
    reason: 'its slope or its offset is not positive',
    ops: 'Q QLinearConv DQ HardSigmoid Q QLinearConv DQ',
  },
  {
    name: 'Pad with a computed value',
    model: () =>
      between((net, v) =>
        net.node('Pad', [v, net.int64('pads', [0, 0, 1, 1, 0, 0, 1, 1]), scalarInput(net, 'value')], 'o'),
      ),
    reason: 'its padding value is computed',
    ops: 'Q QLinearConv DQ Pad Q QLinearConv DQ',
  },
  {
    name: 'Pad with a value other than 0, which may be out of range',
    model: () =>
      between((net, v) =>
        net.node('Pad', [v, net.int64('pads', [0, 0, 1, 1, 0, 0, 1, 1]), net.scalar('value', 9)], 'o'),
      ),
    reason: 'its padding value is 9',
    ops: 'Q QLinearConv DQ Pad Q QLinearConv DQ',
  },
  {
    name: 'Clip with a computed bound',
    model: () =>
      between((net, v) => net.node('Clip', [v, net.scalar('low', 0), scalarInput(net, 'high')], 'o')),
    reason: 'its bounds are computed',
    ops: 'Q QLinearConv DQ Clip Q QLinearConv DQ',
  },
];

describe('exceptions of the placement table stay float between integer neighbours', () => {
  it.each(exceptions)('$name', async ({ model, reason, ops }) => {
    const { placement, bytes, float, feeds } = await quantizeModel(model());
    expect(reasonFor(placement, 'o')).toBe(reason);
    expect(await optimizedOps(bytes)).toBe(ops);
    // Right within 3 % of the largest output, which a misplaced operator would not be.
    for (const feed of feeds) {
      const expected = (await runIn('disabled', float, feed)).get('y')?.data as Float32Array;
      const found = (await runIn('default', bytes, feed)).get('y')?.data as Float32Array;
      const most = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expected.forEach((value, i) => {
        expect(Math.abs(value - (found[i] as number))).toBeLessThan(0.03 * most);
      });
    }
  });
});

describe('reasons of what stays float', () => {
  const reasonIn = (model: Model, id: string, recipe = {}) =>
    reasonFor(place(model, { ...defaultRecipe, ...recipe }, 'model.onnx'), id);

  it('names the flag that keeps a layer', () => {
    const model = between((net, v) => net.conv(v, 'inner'));
    expect(reasonIn(model, 'inner', { exclude: ['in*'] })).toBe('--exclude "in*"');
    expect(reasonIn(model, 'inner', { include: ['y'] })).toBe('no --include names it');
    expect(reasonIn(model, 'y', { include: ['y'] })).toBeUndefined();
  });

  it('tells what a weight or a bias is that no integer kernel takes', () => {
    const net = new Net();
    net.input('x', [2, 8]);
    net.random('w', [8, 8]);
    net.random('matrix', [2, 8]);
    net.random('rank3', [1, 8, 8]);
    net.constant('whole', [8, 8], new Int32Array(64));
    net.node('Tanh', ['x'], 'computed');
    net.node('MatMul', ['x', 'computed'], 'both');
    net.node('MatMul', ['x', 'rank3'], 'ranked');
    net.node('MatMul', ['w', 'x'], 'left');
    net.node('MatMul', ['x', 'whole'], 'integer');
    net.node('Gemm', ['x', 'w', 'matrix'], 'rows');
    net.node('Gemm', ['x', 'w', 'computed'], 'computedBias');
    net.node('Gemm', ['x', 'computed'], 'computedWeight');
    const model = finish(net, 'rows');
    const constant = 'its constant operand is not a float matrix on the right';
    expect(reasonIn(model, 'both')).toBe('both operands are activations');
    expect(reasonIn(model, 'integer')).toBe(constant);
    // Their weights are stored all the same.
    for (const id of ['ranked', 'left', 'rows', 'computedBias'])
      expect(roleOf(place(model, defaultRecipe, 'model.onnx'), id)).toMatchObject({
        weighted: { runs: { kind: 'float', stored: 'constant' } },
      });
    expect(reasonIn(model, 'computedWeight')).toBe('its weight is not constant');
    expect(reasonIn(model, 'computed')).toBe('onnxruntime has no integer kernel for it');
  });

  it('refuses a weight of another float type, whose kernel would have to write it', () => {
    const g = new GraphBuilder();
    g.input('x', [1, 8], 'float16');
    g.graph.initializers.set('w', {
      dataType: 'float16',
      dims: [8, 8],
      storage: { kind: 'raw', bytes: new Uint8Array(128) },
    });
    g.node('MatMul', ['x', 'w'], 'y');
    g.output('y', undefined, 'float16');
    expect(reasonIn(g.build(), 'y')).toBe('its weight is float16: integer kernels write float32');
  });

  it('tells arithmetic that nobody reads from arithmetic on floats', () => {
    const model = between((net, v) => {
      net.node('Add', [v, net.node('Tanh', [v], 't')], 'mixed');
      return net.conv('mixed', 'c');
    });
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    net.node('Softmax', [net.conv('x', 'c')], 'y');
    expect(reasonIn(model, 'mixed')).toBe('its inputs are not all integer');
    expect(reasonIn(finish(net, 'y'), 'y')).toBe('no layer reads its result as integers');
    const gather = between((n, v) =>
      n.node('Add', [v, n.node('Gather', [n.random('table', [8]), 'at'], 'g')], 'o'),
    );
    expect(reasonIn(gather, 'g')).toBe('its data is constant');
  });

  it('says so where activations stay in float', () => {
    const model = between((net, v) => net.node('Add', [v, net.conv(v, 'c')], 'o'));
    expect(reasonIn(model, 'o', { activations: { kind: 'float' } })).toBe('activations stay in float');
  });
});
