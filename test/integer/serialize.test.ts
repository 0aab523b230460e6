import { strFromU8, unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { npyBytes } from '../../src/integer/npy-bytes.js';
import { readProgram } from '../../src/integer/read-program.js';
import {
  type IntegerFile,
  integerArrays,
  integerJson,
  refuseWithoutLayers,
} from '../../src/integer/serialize.js';
import { residual } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';

describe('the files of a network in integers', () => {
  it('holds every operator with its inputs, its result and its numbers', async () => {
    const { emitted } = await quantizeModel(residual());
    const program = await readProgram(emitted.model);
    const file = JSON.parse(strFromU8(integerJson(program))) as IntegerFile;
    expect([file.version, file.isShiftOnly]).toEqual([3, false]);
    expect(file.operators.map(({ operator }) => operator)).toEqual(['conv', 'conv', 'conv', 'add', 'conv']);
    const made = new Set(file.inputs.map(({ name }) => name));
    for (const { inputs, outputs } of file.operators as {
      inputs: { name: string }[];
      outputs: { name: string }[];
    }[]) {
      for (const { name } of inputs) expect(made).toContain(name);
      for (const { name } of outputs) made.add(name);
    }
    const [first, , , sum] = file.operators;
    expect(first?.weight).toHaveLength(4 * 4 * 9);
    for (const multiplier of (first?.multipliers ?? []) as number[])
      expect(multiplier).toBeGreaterThanOrEqual(2 ** 30);
    // One of the operands has the larger scale: its multiplier is 1/2 exactly.
    expect(sum?.leftShift).toBe(20);
    expect(sum?.multipliers).toContain(2 ** 30);
  });

  it('has the arrays apart in .npz, the same bytes each time', async () => {
    const { emitted } = await quantizeModel(residual());
    const program = await readProgram(emitted.model);
    const bytes = integerArrays(program);
    expect(bytes).toEqual(integerArrays(program));
    const files = unzipSync(bytes);
    const text = JSON.parse(strFromU8(files['program.json'] as Uint8Array)) as IntegerFile;
    expect(text.operators[0]?.weight).toBe('0.weight');
    const weight = files['0.weight.npy'] as Uint8Array;
    expect(strFromU8(weight, true)).toContain("'|i1', 'fortran_order': False, 'shape': (4, 4, 3, 3)");
    const own = program.operators[0]?.parameters.weight;
    expect([...new Int8Array(weight.slice(-144).buffer)]).toEqual([...(own as Int8Array)]);
  });

  it('is refused without a layer', async () => {
    const program = {
      isShiftOnly: false,
      inputs: [],
      outputs: [],
      constants: new Map(),
      operators: [],
      others: [],
    };
    await expectRefusal(async () => refuseWithoutLayers(program), 'bad-option', 2);
  });
});

describe('integers as .npy', () => {
  it('are as NumPy writes them', () => {
    // numpy.save of numpy.array([1, -2], numpy.int32).
    const text = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }".padEnd(117);
    const expected = [
      0x93,
      ...Buffer.from('NUMPY'),
      1,
      0,
      118,
      0,
      ...Buffer.from(`${text}\n`),
      1,
      0,
      0,
      0,
      254,
      255,
      255,
      255,
    ];
    expect([...npyBytes(Int32Array.of(1, -2), [2])]).toEqual(expected);
  });
});
