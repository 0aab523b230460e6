import { describe, expect, it } from 'vitest';
import { halfOperators } from '../../src/emit/half-operators.js';
import type { Model } from '../../src/graph/model.js';
import { floatsOf, floatTensor } from '../../src/graph/tensor.js';
import { Net } from '../support/nets.js';
import { optimizedGraph } from '../support/sessions.js';

type Case = (net: Net) => { inputs: string[]; attributes?: Record<string, number | string | number[]> };

const x = (net: Net) => net.input('x', [1, 4, 8, 8], 'float16');
const unary: Case = (net) => ({ inputs: [x(net)] });
const binary: Case = (net) => ({ inputs: [x(net), net.input('b', [1, 4, 8, 8], 'float16')] });
const withInts =
  (name: string, values: number[]): Case =>
  (net) => ({ inputs: [x(net), net.int64(name, values)] });
const perChannel =
  (rows: string[], attributes = {}): Case =>
  (net) => ({ inputs: [x(net), ...rows.map((row) => net.random(row, [4]))], attributes });

/** The inputs of each operator, where they are not one or its attributes are asked for. */
const cases: Readonly<Record<string, Case>> = {
  Add: binary,
  AveragePool: (net) => ({ inputs: [x(net)], attributes: { kernel_shape: [2, 2] } }),
  BatchNormalization: perChannel(['s', 'b', 'm', 'v']),
  Clip: (net) => ({ inputs: [x(net), net.scalar('low', -1), net.scalar('high', 1)] }),
  Concat: (net) => ({ ...binary(net), attributes: { axis: 1 } }),
  Conv: (net) => ({ inputs: [x(net), net.random('w', [4, 4, 3, 3])] }),
  ConvTranspose: (net) => ({ inputs: [x(net), net.random('w', [4, 4, 3, 3])] }),
  DepthToSpace: (net) => ({ inputs: [x(net)], attributes: { blocksize: 2 } }),
  Div: binary,
  Einsum: (net) => ({ ...binary(net), attributes: { equation: 'abcd,abde->abce' } }),
  Expand: withInts('shape', [2, 4, 8, 8]),
  Gather: withInts('at', [0]),
  GatherElements: (net) => ({
    inputs: [x(net), net.constant('at', [1, 4, 8, 8], new BigInt64Array(256))],
  }),
  GatherND: (net) => ({ inputs: [x(net), net.constant('at', [1, 1], new BigInt64Array(1))] }),
  Gemm: (net) => ({ inputs: [net.input('x', [4, 4], 'float16'), net.random('w', [4, 4])] }),
  GroupNormalization: perChannel(['s', 'b'], { num_groups: 2 }),
  InstanceNormalization: perChannel(['s', 'b']),
  LayerNormalization: (net) => ({ inputs: [x(net), net.random('s', [8])] }),
  MatMul: binary,
  Max: binary,
  MaxPool: (net) => ({ inputs: [x(net)], attributes: { kernel_shape: [2, 2] } }),
  Min: binary,
  Mul: binary,
  PRelu: (net) => ({ inputs: [x(net), net.random('slope', [4, 1, 1])] }),
  Pad: withInts('pads', [0, 0, 0, 0, 0, 0, 1, 1]),
  RMSNormalization: (net) => ({ inputs: [x(net), net.random('s', [8])] }),
  Reshape: withInts('shape', [4, 64]),
  Resize: (net) => {
    const scales = net.constant('scales', [4], Float32Array.of(1, 1, 2, 2));
    return { inputs: [x(net), '', scales], attributes: { mode: 'linear' } };
  },
  Slice: (net) => ({ inputs: [x(net), net.int64('from', [0]), net.int64('to', [1])] }),
  SpaceToDepth: (net) => ({ inputs: [x(net)], attributes: { blocksize: 2 } }),
  Split: (net) => ({ inputs: [x(net)], attributes: { axis: 1, num_outputs: 2 } }),
  Squeeze: withInts('axes', [0]),
  Sub: binary,
  Sum: binary,
  Tile: withInts('times', [2, 1, 1, 1]),
  Unsqueeze: withInts('axes', [0]),
  Where: (net) => ({ inputs: [net.input('c', [1, 4, 8, 8], 'bool'), ...binary(net).inputs] }),
};

/** One node in float16, its inputs and outputs too. */
function modelOf(opType: string): Model {
  const net = new Net();
  const { inputs, attributes = {} } = (cases[opType] ?? unary)(net);
  const outputs = opType === 'Split' ? ['y', 'z'] : ['y'];
  net.node(opType, inputs, outputs, attributes);
  for (const output of outputs) net.output(output, undefined, 'float16');
  const { initializers } = net.graph;
  // The scales of a Resize are float32 by its definition.
  for (const [name, tensor] of initializers)
    if (tensor.dataType === 'float32' && name !== 'scales')
      initializers.set(name, floatTensor('float16', tensor.dims, floatsOf(tensor)));
  return net.build({ opset: 23, irVersion: 10 });
}

describe('what onnxruntime makes of an operator in float16 on the CPU', () => {
  it.each(Object.entries(halfOperators))('%s', async (opType, { own = false }) => {
    const made = (await optimizedGraph(modelOf(opType))).nodes.map((each) => each.opType);
    expect(made.includes('Cast')).toBe(!own);
  });
});
