import { describe, expect, it } from 'vitest';
import { inlineFunctions } from '../../src/convert/inline-functions.js';
import type { Attribute, Model } from '../../src/graph/model.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';
import { expectSameOutputs } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

const OPSET = { domain: '', version: 17 };
const PKG = { domain: 'pkg', version: 1 };
const feed = randomFeed('x', [3, 4], 1);

/** `Act`: LeakyRelu whose slope is the call's, 0.5 without. */
const act = {
  name: 'Act',
  domain: 'pkg',
  input: ['x'],
  output: ['y'],
  attribute_proto: [{ name: 'slope', type: 1, f: 0.5 }],
  node: [
    {
      op_type: 'LeakyRelu',
      input: ['x'],
      output: ['y'],
      attribute: [{ name: 'alpha', ref_attr_name: 'slope', type: 1 }],
    },
  ],
  opset_import: [OPSET],
};

/** `Block`: Act, MatMul and Add; gives the sum, and what Act gives. */
const block = {
  name: 'Block',
  domain: 'pkg',
  input: ['x', 'w'],
  output: ['y', 'a'],
  attribute: ['s'],
  node: [
    {
      name: 'act',
      op_type: 'Act',
      domain: 'pkg',
      input: ['x'],
      output: ['a'],
      attribute: [{ name: 'slope', ref_attr_name: 's', type: 1 }],
    },
    { op_type: 'MatMul', input: ['a', 'w'], output: ['m'] },
    { op_type: 'Add', input: ['x', 'm'], output: ['y'] },
  ],
  opset_import: [OPSET, PKG],
};

function modelOf(functions: readonly object[], make: (g: GraphBuilder) => void): Model {
  const g = new GraphBuilder();
  g.input('x', [3, 4]);
  g.constant('w', [4, 4], randomFloats(16, 2));
  make(g);
  g.graph.nodes = g.graph.nodes.map((each) => ({ ...each, domain: 'pkg' }));
  const model = g.build();
  model.opsets.set('pkg', 1);
  // Through the bytes, so that the functions are what a file gives.
  return decodeModel(encodeModel({ ...model, carried: { functions } }));
}

const twoBlocks = () =>
  modelOf([block, act], (g) => {
    g.node('Block', ['x', 'w'], ['b', 'acted'], { s: 0.25 }, 'first');
    g.node('Block', ['b', 'w'], ['y', 'unread'], {}, 'second');
    g.output('y', [3, 4]);
    g.output('acted', [3, 4]);
  });

describe('functions of a model', () => {
  it('become nodes, one in the other, with the attributes of the call or their defaults', async () => {
    const model = twoBlocks();
    const before = await runIn('disabled', encodeModel(model), feed);
    expect(inlineFunctions(model, 'm.onnx')).toBe('as they are');
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual([
      ...['LeakyRelu', 'MatMul', 'Add'],
      ...['LeakyRelu', 'MatMul', 'Add'],
    ]);
    expect(model.opsets.has('pkg')).toBe(false);
    const slopes = model.graph.nodes.flatMap(({ attributes }) => attributes.get('alpha') ?? []);
    expect(slopes).toEqual([{ kind: 'float', value: 0.25, carried: expect.anything() }, expect.anything()]);
    expect((slopes[1] as Extract<Attribute, { kind: 'float' }>).value).toBe(0.5);
    expect(new Set(model.graph.nodes.map(({ id }) => id)).size).toBe(6);
    expectSameOutputs(await runIn('disabled', encodeModel(model), feed), before);
  });

  it('keep the values of their bodies apart', async () => {
    const branch = (op: string) => ({
      node: [{ op_type: op, input: ['t'], output: ['r'] }],
      output: [{ name: 'r', type: { tensor_type: { elem_type: 1 } } }],
      name: op,
    });
    const choose = {
      name: 'Choose',
      domain: 'pkg',
      input: ['x'],
      output: ['y'],
      node: [
        { op_type: 'Relu', input: ['x'], output: ['t'] },
        {
          op_type: 'ReduceSum',
          input: ['x'],
          output: ['sum'],
          attribute: [{ name: 'keepdims', type: 2, i: 0 }],
        },
        { op_type: 'Cast', input: ['sum'], output: ['c'], attribute: [{ name: 'to', type: 2, i: 9 }] },
        {
          op_type: 'If',
          input: ['c'],
          output: ['y'],
          attribute: [
            { name: 'then_branch', type: 5, g: branch('Exp') },
            { name: 'else_branch', type: 5, g: branch('Neg') },
          ],
        },
      ],
      opset_import: [OPSET],
    };
    const model = modelOf([choose], (g) => {
      g.node('Choose', ['x'], 'a');
      g.node('Choose', ['a'], 'y');
      g.output('y', [3, 4]);
    });
    const before = await runIn('disabled', encodeModel(model), feed);
    expect(inlineFunctions(model, 'm.onnx')).toBe('as they are');
    expectSameOutputs(await runIn('disabled', encodeModel(model), feed), before);
  });

  it('stay where they call themselves, or another operator set differs', () => {
    const call = (g: GraphBuilder) => {
      g.node('Act', ['x'], 'y');
      g.output('y', [3, 4]);
    };
    const circle = { ...act, node: [{ op_type: 'Act', domain: 'pkg', input: ['x'], output: ['y'] }] };
    const model = modelOf([circle], call);
    expect(inlineFunctions(model, 'm.onnx')).toBeUndefined();
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Act']);
    const other = modelOf([{ ...act, opset_import: [OPSET, { domain: 'far', version: 2 }] }], call);
    other.opsets.set('far', 1);
    expect(inlineFunctions(other, 'm.onnx')).toBeUndefined();
  });
});

describe('functions of another opset', () => {
  /** Squeeze and Clip, whose axes and bounds are the call's: attributes until opset 12 and 10. */
  const clipped = (opset: number) => ({
    name: 'Clipped',
    domain: 'pkg',
    input: ['x'],
    output: ['y'],
    attribute: ['axes', 'low', 'high'],
    node: [
      {
        op_type: 'Squeeze',
        input: ['x'],
        output: ['s'],
        attribute: [{ name: 'axes', ref_attr_name: 'axes', type: 7 }],
      },
      {
        op_type: 'Clip',
        input: ['s'],
        output: ['y'],
        attribute: [
          { name: 'min', ref_attr_name: 'low', type: 1 },
          { name: 'max', ref_attr_name: 'high', type: 1 },
        ],
      },
    ],
    opset_import: [{ domain: '', version: opset }],
  });
  const float = (value: number): Attribute => ({ kind: 'float', value });
  const x = { x: { type: 'float32' as const, dims: [1, 4, 1], data: Float32Array.of(-3, -0.25, 0.5, 3) } };

  /** Clipped to [−1, 1] over axis 0, then to [−0.5, 2] over axis 1, with a `between` that makes the axis again. */
  function twice(fn: object, opset: number, between: (g: GraphBuilder) => void): Model {
    const g = new GraphBuilder();
    g.input('x', [1, 4, 1]);
    g.node('Clipped', ['x'], 'a', { axes: [0], low: float(-1), high: float(1) });
    between(g);
    g.node('Clipped', ['b'], 'y', { axes: [2], low: float(-0.5), high: float(2) });
    g.output('y');
    g.graph.nodes = g.graph.nodes.map((each) =>
      each.opType === 'Clipped' ? { ...each, domain: 'pkg' } : each,
    );
    const model = g.build({ opset });
    model.opsets.set('pkg', 1);
    return decodeModel(encodeModel({ ...model, carried: { functions: [fn] } }));
  }

  const outputOf = async (model: Model) => {
    const found = await runIn('disabled', encodeModel(model), x);
    return [found.get('y')?.dims, ...((found.get('y')?.data ?? []) as Float32Array)];
  };
  const golden = [[4, 1], -0.5, -0.25, 0.5, 1];

  it('older than the model: each call is raised with its own attributes', async () => {
    const model = twice(clipped(10), 17, (g) => {
      // A name that the raised nodes would like to have.
      g.constant('s_axes', [1], BigInt64Array.of(2n));
      g.node('Unsqueeze', ['a', 's_axes'], 'b');
    });
    expect(inlineFunctions(model, 'm.onnx')).toBe('converted');
    expect(model.opsets.get('')).toBe(17);
    expect(await outputOf(model)).toEqual(golden);
  });

  it('newer than the model: the model is raised', async () => {
    const newer = {
      ...clipped(17),
      node: [
        {
          op_type: 'Constant',
          output: ['i'],
          attribute: [{ name: 'value_ints', ref_attr_name: 'axes', type: 7 }],
        },
        {
          op_type: 'Constant',
          output: ['l'],
          attribute: [{ name: 'value_float', ref_attr_name: 'low', type: 1 }],
        },
        {
          op_type: 'Constant',
          output: ['h'],
          attribute: [{ name: 'value_float', ref_attr_name: 'high', type: 1 }],
        },
        { op_type: 'Squeeze', input: ['x', 'i'], output: ['s'] },
        { op_type: 'Clip', input: ['s', 'l', 'h'], output: ['y'] },
      ],
    };
    const model = twice(newer, 11, (g) => g.node('Unsqueeze', ['a'], 'b', { axes: [2] }));
    expect(inlineFunctions(model, 'm.onnx')).toBe('converted');
    expect(model.opsets.get('')).toBe(17);
    expect(await outputOf(model)).toEqual(golden);
  });

  it('leave the model to the byte as it is where that is not exact', () => {
    const old = {
      ...clipped(17),
      node: [{ op_type: 'DFT', input: ['x'], output: ['y'], attribute: [{ name: 'axis', type: 2, i: 1 }] }],
    };
    const model = twice(old, 20, (g) => g.node('Identity', ['a'], 'b'));
    const before = encodeModel(model);
    expect(inlineFunctions(model, 'm.onnx')).toBeUndefined();
    expect(Buffer.compare(encodeModel(model), before)).toBe(0);
  });
});
