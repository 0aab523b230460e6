import type { Model } from '../../../src/graph/model.js';
import { between, finish, Net } from '../nets.js';
import { mid, type OperatorCase } from './operator-case.js';

/** x → Conv → MaxPool → Conv, for images of any rank. */
function pooled(kernel: number[], shape: number[]): Model {
  const net = new Net();
  net.input('x', shape);
  const small = kernel.map(() => 2);
  net.node('MaxPool', [net.conv('x', 'c', 4, 4, { kernel })], 'p', { kernel_shape: small, strides: small });
  return finish(net, net.conv('p', 'y', 4, 4, { kernel }));
}

/** Operators that move values: they run on the codes, so nothing is dequantized between the two Convs. */
export const codesCases: readonly OperatorCase[] = [
  {
    name: 'MaxPool',
    model: () =>
      between((net, v) => net.node('MaxPool', [v], 'o', { kernel_shape: [2, 2], strides: [2, 2] })),
    ops: mid('NhwcMaxPool'),
  },
  {
    name: 'MaxPool over its padding',
    model: () =>
      between((net, v) =>
        net.node('MaxPool', [v], 'o', {
          kernel_shape: [3, 3],
          pads: [1, 1, 1, 1],
          ceil_mode: 1,
          strides: [2, 2],
        }),
      ),
    ops: mid('NhwcMaxPool'),
  },
  {
    name: 'MaxPool whose indices are left out',
    model: () =>
      between((net, v) => net.node('MaxPool', [v], ['o', ''], { kernel_shape: [2, 2], strides: [2, 2] })),
    ops: mid('NhwcMaxPool'),
  },
  { name: 'MaxPool 1-D', model: () => pooled([3], [1, 4, 16]), ops: mid('NhwcMaxPool') },
  { name: 'MaxPool 3-D', model: () => pooled([3, 3, 3], [1, 4, 4, 4, 4]), ops: mid('NhwcMaxPool') },
  {
    name: 'Slice',
    model: () =>
      between(
        (net, v) =>
          net.node(
            'Slice',
            [v, net.int64('from', [1, 2]), net.int64('to', [3, 7]), net.int64('axes', [1, 2])],
            'o',
          ),
        { channels: 2 },
      ),
    ops: mid('Slice'),
  },
  {
    name: 'Pad',
    model: () =>
      between((net, v) => net.node('Pad', [v, net.int64('pads', [0, 1, 2, 0, 0, 0, 1, 3])], 'o'), {
        channels: 5,
      }),
    ops: mid('Pad'),
  },
  {
    name: 'Pad with a value of 0',
    model: () =>
      between((net, v) =>
        net.node('Pad', [v, net.int64('pads', [0, 0, 1, 1, 0, 0, 1, 1]), net.scalar('value', 0)], 'o'),
      ),
    ops: mid('Pad'),
  },
  {
    name: 'Pad with −∞ before a MaxPool',
    model: () =>
      between((net, v) => {
        const value = net.scalar('value', Number.NEGATIVE_INFINITY);
        net.node('Pad', [v, net.int64('pads', [0, 0, 1, 1, 0, 0, 1, 1]), value], 'p');
        return net.node('MaxPool', ['p'], 'o', { kernel_shape: [3, 3] });
      }),
    ops: mid('NhwcMaxPool'),
  },
  {
    name: 'Pad by reflection',
    model: () =>
      between((net, v) =>
        net.node('Pad', [v, net.int64('pads', [0, 0, 1, 1, 0, 0, 1, 1])], 'o', { mode: 'reflect' }),
      ),
    ops: mid('Pad'),
  },
  {
    name: 'Transpose',
    model: () => between((net, v) => net.node('Transpose', [v], 'o', { perm: [0, 1, 3, 2] })),
    ops: mid(''),
  },
  {
    name: 'Reshape',
    model: () =>
      between((net, v) => net.node('Reshape', [v, net.int64('shape', [1, 8, 4, 8])], 'o'), { channels: 8 }),
    ops: mid('Reshape'),
  },
  { name: 'Flatten', model: () => flattenNet(), ops: 'Q QLinearConv Flatten QGemm' },
  {
    name: 'Unsqueeze and Squeeze',
    model: () =>
      between((net, v) =>
        net.node(
          'Squeeze',
          [
            net.node('Transpose', [net.node('Unsqueeze', [v, net.int64('axes', [1])], 'u')], 't', {
              perm: [0, 1, 2, 4, 3],
            }),
            'axes',
          ],
          'o',
        ),
      ),
    ops: mid('Unsqueeze Squeeze'),
  },
  {
    name: 'Split',
    model: () =>
      between((net, v) => {
        net.node('Split', [v, net.int64('sizes', [1, 3])], ['a', 'b'], { axis: 1 });
        net.conv('a', 'c', 1, 4);
        return net.node('Add', ['c', net.conv('b', 'd', 3, 4)], 'o');
      }),
    ops: mid('Split QLinearConv QLinearConv QLinearAdd'),
  },
  {
    name: 'Gather',
    model: () =>
      between((net, v) => net.node('Gather', [v, net.int64('indices', [3, 0])], 'o', { axis: 1 }), {
        channels: 2,
      }),
    ops: mid('Gather'),
  },
  {
    name: 'Expand',
    model: () => between((net, v) => net.node('Expand', [v, net.int64('shape', [2, 4, 8, 8])], 'o')),
    ops: mid('Expand'),
  },
  {
    name: 'Tile',
    model: () =>
      between((net, v) => net.node('Tile', [v, net.int64('times', [1, 2, 1, 1])], 'o'), { channels: 8 }),
    ops: mid('Tile'),
  },
  {
    name: 'DepthToSpace',
    model: () => between((net, v) => net.node('DepthToSpace', [v], 'o', { blocksize: 2 }), { channels: 1 }),
    ops: mid('DepthToSpace'),
  },
  {
    name: 'SpaceToDepth',
    model: () => between((net, v) => net.node('SpaceToDepth', [v], 'o', { blocksize: 2 }), { channels: 16 }),
    ops: mid('SpaceToDepth'),
  },
  {
    name: 'Resize, nearest',
    model: () =>
      between((net, v) =>
        net.node('Resize', [v, '', net.constant('scales', [4], [1, 1, 2, 2])], 'o', { mode: 'nearest' }),
      ),
    ops: mid('Resize'),
  },
  { name: 'Identity', model: () => between((net, v) => net.node('Identity', [v], 'o')), ops: mid('') },
];

function flattenNet(): Model {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  net.gemm(net.node('Flatten', [net.conv('x', 'c')], 'f'), 'y', 256, 3);
  return finish(net, 'y');
}
