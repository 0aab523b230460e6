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
    expect(inlineFunctions(model)).toBe(true);
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
    expect(inlineFunctions(model)).toBe(true);
    expectSameOutputs(await runIn('disabled', encodeModel(model), feed), before);
  });

  it('stay where they are of another operator set, or call themselves', () => {
    const other = { ...act, opset_import: [{ domain: '', version: 15 }] };
    const call = (g: GraphBuilder) => {
      g.node('Act', ['x'], 'y');
      g.output('y', [3, 4]);
    };
    expect(inlineFunctions(modelOf([other], call))).toBe(false);
    const circle = { ...act, node: [{ op_type: 'Act', domain: 'pkg', input: ['x'], output: ['y'] }] };
    const model = modelOf([circle], call);
    expect(inlineFunctions(model)).toBe(false);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Act']);
  });
});
