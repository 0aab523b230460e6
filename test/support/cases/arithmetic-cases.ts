import { attribute, type Model } from '../../../src/graph/model.js';
import { between, finish, Net } from '../nets.js';
import { mid, type OperatorCase } from './operator-case.js';

/** x → Conv → AveragePool → GlobalAveragePool → Conv, for images of any rank. */
function pooled(kernel: number[], shape: number[]): Model {
  const net = new Net();
  net.input('x', shape);
  const small = kernel.map(() => 2);
  net.node('AveragePool', [net.conv('x', 'c', 4, 4, { kernel })], 'p', {
    kernel_shape: small,
    strides: small,
  });
  return finish(net, net.conv(net.node('GlobalAveragePool', ['p'], 'g'), 'y', 4, 4, { kernel }));
}

/** Arithmetic between two Convs. */
export const arithmeticCases: readonly OperatorCase[] = [
  {
    name: 'Add of two results',
    model: () => between((net, v) => net.node('Add', [v, net.conv(v, 'c')], 'o')),
    ops: mid('QLinearConv QLinearAdd'),
  },
  {
    name: 'Add of a constant',
    model: () => between((net, v) => net.node('Add', [v, net.random('k', [1, 4, 1, 1])], 'o')),
    ops: mid('QLinearAdd'),
  },
  {
    name: 'Add to a constant',
    model: () => between((net, v) => net.node('Add', [net.random('k', [4, 1, 1]), v], 'o')),
    ops: mid('QLinearAdd'),
  },
  {
    name: 'Mul of two results',
    model: () => between((net, v) => net.node('Mul', [v, net.conv(v, 'c')], 'o')),
    ops: mid('QLinearConv QLinearMul'),
  },
  {
    name: 'Mul by a scalar',
    model: () => between((net, v) => net.node('Mul', [v, net.scalar('k', 0.3)], 'o')),
    ops: mid('QLinearMul'),
  },
  {
    name: 'Mul by a negative constant',
    model: () =>
      between((net, v) =>
        net.node('Mul', [v, net.constant('k', [1, 4, 1, 1], [-0.3, -0.1, -0.7, -0.2])], 'o'),
      ),
    ops: mid('QLinearMul'),
  },
  {
    name: 'Concat',
    model: () =>
      between((net, v) => net.node('Concat', [v, net.conv(v, 'c')], 'o', { axis: 1 }), { channels: 8 }),
    ops: mid('QLinearConv QLinearConcat'),
  },
  {
    name: 'AveragePool',
    model: () =>
      between((net, v) => net.node('AveragePool', [v], 'o', { kernel_shape: [2, 2], strides: [2, 2] })),
    ops: mid('QLinearAveragePool'),
  },
  {
    name: 'AveragePool over its padding',
    model: () =>
      between((net, v) =>
        net.node('AveragePool', [v], 'o', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
      ),
    ops: mid('QLinearAveragePool'),
  },
  {
    name: 'AveragePool, ceil_mode',
    model: () =>
      between((net, v) =>
        net.node('AveragePool', [v], 'o', { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
      ),
    ops: mid('QLinearAveragePool'),
  },
  {
    name: 'GlobalAveragePool',
    model: () => between((net, v) => net.node('GlobalAveragePool', [v], 'o')),
    ops: mid('QLinearGlobalAveragePool'),
  },
  {
    name: 'AveragePool and GlobalAveragePool 1-D',
    model: () => pooled([3], [1, 4, 16]),
    ops: mid('QLinearAveragePool QLinearGlobalAveragePool'),
  },
  {
    name: 'AveragePool and GlobalAveragePool 3-D',
    model: () => pooled([3, 3, 3], [1, 4, 4, 4, 4]),
    ops: mid('QLinearAveragePool QLinearGlobalAveragePool'),
  },
  {
    name: 'Squeeze and excite',
    model: () =>
      between((net, v) => {
        net.conv(net.node('GlobalAveragePool', [v], 'g'), 's', 4, 2, { kernel: [1, 1] });
        net.conv(net.node('Relu', ['s'], 'r'), 'e', 2, 4, { kernel: [1, 1] });
        return net.node('Mul', [net.node('Sigmoid', ['e'], 'gate'), v], 'o');
      }),
    ops: mid('QLinearGlobalAveragePool QLinearConv QLinearConv QLinearSigmoid QLinearMul'),
  },
  {
    name: 'Sigmoid',
    model: () => between((net, v) => net.node('Sigmoid', [v], 'o')),
    ops: mid('QLinearSigmoid'),
  },
  {
    name: 'SiLU',
    model: () => between((net, v) => net.node('Mul', [v, net.node('Sigmoid', [v], 's')], 'o')),
    ops: mid('QLinearSigmoid QLinearMul'),
  },
  {
    name: 'HardSigmoid',
    model: () => between((net, v) => net.node('HardSigmoid', [v], 'o')),
    ops: mid('QLinearAdd'),
  },
  {
    name: 'HardSigmoid with a clamp behind it',
    model: () => between((net, v) => net.clip(net.node('HardSigmoid', [v], 'h'), 'o', 0.25, 0.75)),
    ops: mid('QLinearAdd Clip'),
  },
  {
    name: 'HardSwish in its two halves',
    model: () =>
      between((net, v) => {
        const attributes = { alpha: attribute.float(1 / 6), beta: attribute.float(0.5) };
        return net.node('Mul', [v, net.node('HardSigmoid', [v], 'h', attributes)], 'o');
      }),
    ops: mid('QLinearAdd QLinearMul'),
  },
  {
    name: 'LeakyRelu',
    model: () => between((net, v) => net.node('LeakyRelu', [v], 'o', { alpha: 0.1 })),
    ops: mid('QLinearLeakyRelu'),
  },
  {
    name: 'Softmax',
    model: () => between((net, v) => net.node('Softmax', [v], 'o', { axis: 1 })),
    ops: mid('QLinearSoftmax'),
  },
];
