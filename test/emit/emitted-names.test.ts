import { describe, expect, it } from 'vitest';
import { EmittedNames } from '../../src/emit/emitted-names.js';
import { type Graph, node } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';

const zeros = (dims: number[]) =>
  tensorOf({ type: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) });
const graph: Graph = {
  nodes: [
    node(
      'Conv',
      ['x', 'layer1.0.conv1.weight', 'layer1.0.conv1.bias'],
      ['/layer1/layer1.0/conv1/Conv_output_0'],
    ),
    node('Relu', ['/layer1/layer1.0/conv1/Conv_output_0'], ['v1_q']),
  ],
  initializers: new Map([
    ['layer1.0.conv1.weight', zeros([2, 2, 1, 1])],
    ['layer1.0.conv1.bias', zeros([2])],
  ]),
  inputs: [{ name: 'x', dataType: 'float32', shape: [1, 2, 1, 1] }],
  outputs: [],
  valueInfo: new Map(),
};

describe('names of what quantization adds', () => {
  it('a short name stays, a long one gives way to a number, the same for all that is made from it', () => {
    const names = new EmittedNames(graph);
    expect(names.fresh('x_q')).toBe('x_q');
    expect(names.fresh('/layer1/layer1.0/conv1/Conv_output_0_q')).toBe('v0_q');
    expect(names.fresh('/layer1/layer1.0/conv1/Conv_output_0_rows_s')).toBe('v0_rows_s');
    expect(names.fresh('layer1.0.conv1.weight_q4')).not.toContain('v0_');
  });

  it('what the layer reads as its weight has the whole name', () => {
    const names = new EmittedNames(graph);
    expect(names.fresh('layer1.0.conv1.weight_dq')).toBe('layer1.0.conv1.weight_dq');
    expect(names.fresh('layer1.0.conv1.bias_dq')).toBe('v0_dq');
  });

  it('never a name that the model has, nor one twice', () => {
    const names = new EmittedNames(graph);
    const wanted = ['layer1.0.conv1.bias_q', 'layer1.0.conv1.weight_q', 'layer1.0.conv1.weight_q'];
    const given = wanted.map((name) => names.fresh(name));
    // v1_q is the result of the Relu.
    expect(given).toEqual(['v0_q', 'v1_q_2', 'v1_q_3']);
  });

  it('a name that is none of the model is taken as it is', () => {
    expect(new EmittedNames(graph).fresh('shared_table_of_all_words')).toBe('shared_table_of_all_words');
  });
});
