import type { Dim, Model } from '../../../src/graph/model.js';
import { between, finish, Net } from '../nets.js';
import { mid, type OperatorCase } from './operator-case.js';

/** Layers of all kinds. */
export const layerCases: readonly OperatorCase[] = [
  { name: 'Conv', model: () => between((_, v) => v), ops: mid('') },
  {
    name: 'Conv without a bias',
    model: () => between((net, v) => net.conv(v, 'c', 4, 4, { bias: false })),
    ops: mid('QLinearConv'),
  },
  {
    name: 'Conv in groups',
    model: () => between((net, v) => net.conv(v, 'c', 4, 4, { group: 2 })),
    ops: mid('QLinearConv'),
  },
  {
    name: 'Conv depthwise',
    model: () => between((net, v) => net.conv(v, 'c', 4, 4, { group: 4 })),
    ops: mid('QLinearConv'),
  },
  {
    name: 'Conv with strides, dilations and asymmetric pads',
    model: () =>
      between((net, v) => net.conv(v, 'c', 4, 4, { strides: [2, 1], dilations: [1, 2], pads: [0, 1, 2, 3] })),
    ops: mid('QLinearConv'),
  },
  { name: 'Conv 1-D', model: () => convOf([3], [1, 4, 16]), ops: mid('') },
  { name: 'Conv 3-D', model: () => convOf([3, 3, 3], [1, 4, 4, 4, 4]), ops: mid('') },
  { name: 'Gemm', model: () => gemmNet({}), ops: 'Q QGemm QGemm' },
  { name: 'Gemm, transB', model: () => gemmNet({ transB: 1 }), ops: 'Q QGemm QGemm' },
  { name: 'Gemm without a bias', model: () => gemmNet({ biasDims: null }), ops: 'Q QGemm QGemm' },
  { name: 'Gemm, bias [1]', model: () => gemmNet({ biasDims: [1] }), ops: 'Q QGemm QGemm' },
  { name: 'Gemm, bias [1, N]', model: () => gemmNet({ biasDims: [1, 8] }), ops: 'Q QGemm QGemm' },
  { name: 'Gemm, bias scalar', model: () => gemmNet({ biasDims: [] }), ops: 'Q QGemm QGemm' },
  { name: 'Gemm, transA', model: () => transAGemm(), ops: 'Q QGemm QGemm' },
  {
    name: 'MatMul, rank 2',
    model: () => matMulNet([2, 8], false),
    ops: 'Q QLinearMatMul MatMulIntegerToFloat',
  },
  {
    name: 'MatMul, rank 3',
    model: () => matMulNet([1, 5, 8], false),
    ops: 'Q QLinearMatMul MatMulIntegerToFloat',
  },
  { name: 'MatMul and bias, rank 2', model: () => matMulNet([2, 8], true), ops: 'Q QGemm QGemm' },
  {
    name: 'MatMul and bias, rank 3',
    model: () => matMulNet([1, 5, 8], true),
    ops: 'Q Reshape QGemm Reshape Reshape QGemm Reshape',
  },
  {
    name: 'MatMul and bias, dynamic batch and sequence',
    model: () => matMulNet(['batch', 'sequence', 8], true),
    ops: 'Q Reshape QGemm Shape Slice Concat Reshape Reshape QGemm Shape Slice Concat Reshape',
    reordered: true,
  },
  {
    name: 'Two MatMuls with biases that read one value of dynamic shape',
    model: () => {
      const net = new Net();
      net.input('x', ['batch', 'sequence', 8]);
      const layer = (name: string) =>
        net.node('Add', [net.random(`${name}_bias`, [8]), net.matMul('x', `${name}_product`, 8, 8)], name);
      return finish(net, net.node('Add', [layer('a'), layer('b')], 'y'));
    },
    ops: 'Q Reshape QGemm Shape Slice Concat Reshape QGemm Reshape Add',
    reordered: true,
  },
  {
    name: 'Product of two activations, read by a layer',
    model: () => attention((_, v) => v),
    recipe: { activations: { matMul: true } },
    ops: 'Q QLinearMatMul QLinearMatMul QLinearMatMul QLinearMatMul QLinearMatMul MatMulIntegerToFloat',
  },
  {
    name: 'Product of two activations behind a Softmax',
    model: () => attention((net, v) => net.node('Softmax', [v], 'p', { axis: -1 })),
    recipe: { activations: { matMul: true } },
    ops: 'Q QLinearMatMul QLinearMatMul QLinearMatMul MatMulIntegerToFloat Softmax Q QLinearMatMul MatMulIntegerToFloat',
  },
];

/** Attention of one head: q·kᵀ, what `middle` makes of it, then times v, then a layer. */
function attention(middle: (net: Net, logits: string) => string): Model {
  const net = new Net();
  net.input('x', [1, 6, 8]);
  const [q = '', k = '', v = ''] = ['q', 'k', 'v'].map((name) => net.matMul('x', name, 8, 8));
  net.node('Transpose', [k], 'kt', { perm: [0, 2, 1] });
  const weights = middle(net, net.node('MatMul', [q, 'kt'], 'logits'));
  return finish(net, net.matMul(net.node('MatMul', [weights, v], 'heads'), 'y', 8, 8));
}

function convOf(kernel: number[], shape: number[]): Model {
  const net = new Net();
  net.input('x', shape);
  net.conv(net.conv('x', 'c', 4, 4, { kernel }), 'y', 4, 4, { kernel });
  return finish(net, 'y');
}

function gemmNet(attributes: Parameters<Net['gemm']>[4]): Model {
  const net = new Net();
  net.input('x', [2, 8]);
  net.gemm(net.gemm('x', 'h', 8, 8, attributes), 'y', 8, 3);
  return finish(net, 'y');
}

function transAGemm(): Model {
  const net = new Net();
  net.input('x', [8, 2]);
  net.gemm(net.gemm('x', 'h', 8, 8, { transA: 1 }), 'y', 8, 3);
  return finish(net, 'y');
}

function matMulNet(shape: Dim[], biased: boolean): Model {
  const net = new Net();
  net.input('x', shape);
  const layer = (input: string, name: string, outputs: number) => {
    const product = net.matMul(input, biased ? `${name}_product` : name, 8, outputs);
    return biased ? net.node('Add', [product, net.random(`${name}_bias`, [outputs])], name) : product;
  };
  layer(layer('x', 'h', 8), 'y', 3);
  return finish(net, 'y');
}
