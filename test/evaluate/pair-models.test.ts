import { describe, expect, it } from 'vitest';
import { pairModels } from '../../src/evaluate/pair-models.js';
import type { DataType } from '../../src/graph/data-type.js';
import type { Dim, Model } from '../../src/graph/model.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { refusalOf } from '../support/refusal.js';

type Input = [name: string, shape: Dim[], type?: DataType];

function model(inputs: Input[], outputs: string[]): Model {
  const g = new GraphBuilder();
  for (const [name, shape, type] of inputs) g.input(name, shape, type);
  for (const output of outputs) g.output(output);
  return g.build();
}

const x: Input = ['x', ['n', 3]];
const pair = (float: Model, quantized: Model) =>
  pairModels({ path: 'a.onnx', model: float }, { path: 'b.onnx', model: quantized });

describe('inputs', () => {
  it('agree by name, in any order, and fix what either fixes', () => {
    const found = pair(
      model([x, ['mask', ['n', undefined], 'int64']], ['y']),
      model(
        [
          ['mask', ['n', 5], 'int64'],
          ['x', [8, 3]],
        ],
        ['y'],
      ),
    );
    expect(found.inputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['x', [8, 3]],
      ['mask', ['n', 5]],
    ]);
    expect(found.notes).toEqual([]);
    expect(found.adapter.inputTypes.size).toBe(0);
  });

  it('of floats of another width are converted, and that is said', () => {
    const found = pair(model([x], ['y']), model([['x', ['n', 3], 'float16']], ['y']));
    expect(found.adapter.inputTypes).toEqual(new Map([['x', 'float16']]));
    expect(found.inputs[0]?.dataType).toBe('float32');
    expect(found.notes).toEqual(['Input "x" is converted from float32 to float16 for the quantized model.']);
  });

  it('that older models list as inputs, though they are constants, do not count', () => {
    const old = model([x, ['w', [3]]], ['y']);
    old.graph.initializers.set('w', {
      dataType: 'float32',
      dims: [0],
      storage: { kind: 'typed', field: 'float_data', values: [] },
    });
    expect(pair(old, model([x], ['y'])).inputs).toHaveLength(1);
  });

  it.each<[string, Input[], RegExp]>([
    ['another name', [['z', ['n', 3]]], /"z" of the second is no input of the first, which has "x"/],
    ['one more', [x, ['z', [1]]], /"z" of the second/],
    ['one less', [], /"x" of the first is no input of the second, which has none/],
    ['another rank', [['x', [3]]], /"x" is \[n, 3\] in the first and \[3\] in the second/],
    ['another size', [['x', ['n', 4]]], /\[n, 3\] in the first and \[n, 4\]/],
    ['integers', [['x', ['n', 3], 'uint8']], /"x" is float32 in the first and uint8 in the second/],
  ])('%s: refused', async (_, inputs, problem) => {
    const error = await refusalOf(() => pair(model([x], ['y']), model(inputs, ['y'])));
    expect(error.code).toBe('inputs-differ');
    expect(error.message).toMatch(/^a\.onnx and b\.onnx take different inputs: /);
    expect(error.message).toMatch(problem);
  });
});

describe('outputs', () => {
  const outputs = (float: string[], quantized: string[]) => {
    const found = pair(model([x], float), model([x], quantized));
    return {
      pairs: found.outputs.map((each) => [each.float, each.quantized, each.matchedBy]),
      notes: found.notes,
      renamed: [...found.adapter.outputNames],
    };
  };

  it('match by name, in any order', () => {
    expect(outputs(['a', 'b'], ['b', 'a'])).toMatchObject({
      pairs: [
        ['a', 'a', 'name'],
        ['b', 'b', 'name'],
      ],
      notes: [],
    });
  });

  it('match by order where names differ, and that is said', () => {
    const found = outputs(['a', 'b', 'c'], ['p', 'b', 'q']);
    expect(found.pairs).toEqual([
      ['a', 'p', 'order'],
      ['b', 'b', 'name'],
      ['c', 'q', 'order'],
    ]);
    expect(found.notes).toEqual([
      'Output "a" is compared with "p", by order: their names differ.',
      'Output "c" is compared with "q", by order: their names differ.',
    ]);
    expect(found.renamed).toEqual([
      ['p', 'a'],
      ['b', 'b'],
      ['q', 'c'],
    ]);
  });

  it('without a counterpart are left out, and that is said', () => {
    expect(outputs(['a', 'b', 'c'], ['a', 'q'])).toMatchObject({
      pairs: [['a', 'a', 'name']],
      notes: [
        'Outputs "b", "c" of the float model are not compared: no counterpart in the quantized model.',
        'Output "q" of the quantized model is not compared: no counterpart in the float model.',
      ],
    });
  });

  it('none in common: refused', async () => {
    const error = await refusalOf(() => outputs(['a', 'b'], ['c']));
    expect(error.code).toBe('outputs-differ');
    expect(error.message).toContain('"a", "b", and "c"');
  });
});
