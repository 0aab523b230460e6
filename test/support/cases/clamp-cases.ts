import type { GivenRecipe } from '../../../src/recipe.js';
import { between, finish, Net } from '../nets.js';
import { mid, type OperatorCase } from './operator-case.js';

const fourBits: GivenRecipe = { allLayers: true, activations: { bits: 4 } };

/** Relu and Clip, at 8 and at 4 bits. */
export const clampCases: readonly OperatorCase[] = [
  { name: 'Relu', model: () => between((net, v) => net.node('Relu', [v], 'o')), ops: mid('') },
  { name: 'Relu6', model: () => between((net, v) => net.clip(v, 'o', 0, 6)), ops: mid('') },
  { name: 'Clip to ±0.5', model: () => between((net, v) => net.clip(v, 'o', -0.5, 0.5)), ops: mid('Clip') },
  {
    name: 'Clip to [0.2, 0.5]',
    model: () => between((net, v) => net.clip(v, 'o', 0.2, 0.5)),
    ops: mid('Clip'),
  },
  {
    name: 'Clip without an upper bound',
    model: () => between((net, v) => net.clip(v, 'o', 0, undefined)),
    ops: mid(''),
  },
  {
    name: 'Clip without a lower bound',
    model: () => between((net, v) => net.clip(v, 'o', undefined, 0.5)),
    ops: mid(''),
  },
  {
    name: 'Relu after Add',
    model: () => between((net, v) => net.node('Relu', [net.node('Add', [v, net.conv(v, 'c')], 's')], 'o')),
    ops: mid('QLinearConv QLinearAdd'),
  },
  {
    name: 'Relu after Gemm',
    model: () => {
      const net = new Net();
      net.input('x', [2, 8]);
      net.gemm(net.node('Relu', [net.gemm('x', 'h', 8, 8)], 'r'), 'y', 8, 3);
      return finish(net, 'y');
    },
    ops: 'Q QGemm QGemm',
  },
  {
    name: 'Relu after MatMul and bias',
    model: () => {
      const net = new Net();
      net.input('x', [2, 8]);
      net.node('Add', [net.matMul('x', 'm', 8, 8), net.random('b', [8])], 'h');
      net.gemm(net.node('Relu', ['h'], 'r'), 'y', 8, 3);
      return finish(net, 'y');
    },
    ops: 'Q QGemm QGemm',
  },
  {
    name: 'Relu with two readers',
    model: () =>
      between((net, v) => {
        net.node('Relu', [v], 'r');
        return net.node('Add', ['r', net.conv('r', 'c')], 'o');
      }),
    ops: mid('QLinearConv QLinearAdd'),
  },
  {
    name: 'Relu of a value that others read too',
    model: () => between((net, v) => net.node('Add', [v, net.node('Relu', [v], 'r')], 'o')),
    ops: mid('Clip QLinearAdd'),
  },
  {
    name: 'Clip after MaxPool',
    model: () =>
      between((net, v) =>
        net.clip(net.node('MaxPool', [v], 'p', { kernel_shape: [2, 2] }), 'o', -0.25, 0.25),
      ),
    ops: mid('NhwcMaxPool Clip'),
  },
  {
    name: 'Clip after Clip',
    model: () => between((net, v) => net.clip(net.node('Relu', [v], 'r'), 'o', 0, 0.5)),
    ops: mid('Clip'),
  },
  {
    name: 'Relu at 4 bits',
    recipe: fourBits,
    model: () => between((net, v) => net.node('Relu', [v], 'o')),
    ops: 'Q Clip QLinearConv Clip QLinearConv DQ',
  },
  {
    name: 'Relu6 at 4 bits',
    recipe: fourBits,
    model: () => between((net, v) => net.clip(v, 'o', 0, 6)),
    ops: 'Q Clip QLinearConv Clip QLinearConv DQ',
  },
  {
    name: 'Clip to ±0.5 at 4 bits',
    recipe: fourBits,
    model: () => between((net, v) => net.clip(v, 'o', -0.5, 0.5)),
    ops: 'Q Clip QLinearConv Clip QLinearConv DQ',
  },
  {
    name: 'Clip after MaxPool at 4 bits',
    recipe: fourBits,
    model: () =>
      between((net, v) =>
        net.clip(net.node('MaxPool', [v], 'p', { kernel_shape: [2, 2] }), 'o', -0.25, 0.25),
      ),
    ops: 'Q Clip QLinearConv Clip NhwcMaxPool Clip QLinearConv DQ',
  },
  {
    name: 'Add at 3 bits',
    recipe: { allLayers: true, activations: { bits: 3 } },
    model: () => between((net, v) => net.node('Add', [v, net.conv(v, 'c')], 'o')),
    ops: 'Q Clip QLinearConv QLinearLeakyRelu Clip QLinearConv QLinearAdd Clip QLinearConv DQ',
  },
];
