import { describe, expect, it } from 'vitest';
import type { DataType } from '../../src/graph/data-type.js';
import { arrayOf } from '../../src/graph/tensor.js';
import { giveInputs } from '../../src/load/given-inputs.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { refusalOf } from '../support/refusal.js';
import { runIn } from '../support/sessions.js';

function model(dataType: DataType = 'int64', dims: readonly (number | string)[] = []) {
  const g = new GraphBuilder();
  g.input('x', [1, 3, 8, 8]);
  g.input('sr', dims, dataType);
  g.node('GlobalAveragePool', ['x'], 'y');
  g.output('y', [1, 3, 1, 1]);
  g.graph.valueInfo.set('h', { name: 'h', dataType: 'float32', shape: [1, 3, 8, 8] });
  return g.build();
}

describe('an input that is set', () => {
  it.each<[DataType, readonly (number | string)[], number, number | bigint]>([
    ['int64', [], 16000, 16000n],
    ['int32', [1], -3, -3],
    ['bool', ['n'], 1, 1],
    ['float32', [2], 0.5, 0.5],
  ])('of type %s and shape %s is a constant', (type, dims, value, stored) => {
    const made = model(type, dims);
    expect(giveInputs(made, { set: { sr: value } })).toBe(true);
    expect(made.graph.inputs.map(({ name }) => name)).toEqual(['x']);
    const tensor = made.graph.initializers.get('sr');
    expect(tensor?.dataType).toBe(type);
    expect([...(tensor ? arrayOf(tensor).data : [])]).toEqual(dims[0] === 2 ? [stored, stored] : [stored]);
  });

  it('must be there, and must be able to hold the number', async () => {
    const refused = async (given: Record<string, number>, type?: DataType) =>
      (await refusalOf(() => giveInputs(model(type), { set: given }))).message;
    expect(await refused({ rate: 1 })).toContain('names "rate", which is no input of the model');
    expect(await refused({ sr: 0.5 })).toContain('cannot be 0.5 for "sr"');
    expect(await refused({ sr: 1 }, 'string')).toContain('cannot give "sr" a number');
  });
});

describe('a shape that is given', () => {
  it('takes the place of the one that is stated, and what followed from that is forgotten', async () => {
    const made = model();
    expect(giveInputs(made, { shapes: { x: [2, 3, 4, 4] } })).toBe(true);
    expect(made.graph.inputs[0]?.shape).toEqual([2, 3, 4, 4]);
    expect(made.graph.outputs[0]?.shape).toEqual([undefined, undefined, undefined, undefined]);
    expect(made.graph.valueInfo.size).toBe(0);
    const x = { type: 'float32', dims: [2, 3, 4, 4], data: new Float32Array(96).fill(2) } as const;
    const sr = { type: 'int64', dims: [], data: BigInt64Array.of(1n) } as const;
    expect((await runIn('default', made, { x, sr })).get('y')?.dims).toEqual([2, 3, 1, 1]);
  });

  it.each<Record<string, number[]>>([{ x: [1, 3, 8, 8] }, { x: [8, 8] }, {}])(
    'changes nothing where it is %j',
    (shapes) => {
      const made = model();
      expect(giveInputs(made, { shapes })).toBe(false);
      expect(made.graph.outputs[0]?.shape).toEqual([1, 3, 1, 1]);
    },
  );
});
