import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Codes } from '../../src/integer/program.js';
import { readProgram } from '../../src/integer/read-program.js';
import { runProgram } from '../../src/integer/run-program.js';
import { fixedPoint, multiplyFixedPoint } from '../../src/numerics/fixed-point.js';
import { clamp } from '../../src/numerics/round.js';
import { GraphBuilder } from '../support/graph-builder.js';

interface Value {
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

interface Grid {
  readonly scale: readonly number[];
  readonly zeroPoint: number;
}

/** An operator, and what TFLite's kernel gave: made by bench/tflite/golden.py. */
interface GoldenCase {
  readonly name: string;
  readonly operator: 'conv' | 'fully-connected' | 'add' | 'mul' | 'average-pool' | 'softmax' | 'batch-matmul';
  readonly inputs: readonly (Value & Grid)[];
  readonly weight?: Value;
  readonly weightScales?: readonly number[];
  readonly bias?: readonly number[];
  readonly kernel?: readonly number[];
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
  readonly group?: number;
  readonly output: Value & Grid;
  readonly low: number;
  readonly high: number;
}

const golden = JSON.parse(
  readFileSync(new URL('golden/tflite.json', import.meta.url), 'utf8'),
) as readonly GoldenCase[];

const opTypes = {
  conv: 'Conv',
  'fully-connected': 'Gemm',
  add: 'Add',
  mul: 'Mul',
  'average-pool': 'AveragePool',
  softmax: 'Softmax',
  'batch-matmul': 'MatMul',
};

/** The same operator between DQ and Q, a clamp of its codes behind it. */
function qdqModel({ operator, inputs, output, low, high, ...rest }: GoldenCase) {
  const g = new GraphBuilder();
  const scale = (name: string, scales: readonly number[]) =>
    g.constant(`${name}_s`, scales.length === 1 ? [] : [scales.length], Float32Array.from(scales));
  const int8 = (name: string, code: number) => g.constant(name, [], Int8Array.of(code));
  const operands = inputs.map(({ dims, scale: [s = 1], zeroPoint }, i) => {
    const parameters = [scale(`x${i}`, [s]), int8(`x${i}_z`, zeroPoint)];
    g.input(`x${i}`, dims);
    g.node('QuantizeLinear', [`x${i}`, ...parameters], `x${i}_q`);
    return g.node('DequantizeLinear', [`x${i}_q`, ...parameters], `x${i}_dq`);
  });
  if (rest.weight && rest.weightScales && rest.bias) {
    const { weightScales, bias } = rest;
    const products = weightScales.map((s) => Math.fround(s * (inputs[0]?.scale[0] ?? 1)));
    g.constant('w', rest.weight.dims, Int8Array.from(rest.weight.data));
    g.constant('b', [bias.length], Int32Array.from(bias));
    const axis = { axis: 0 };
    operands.push(
      g.node('DequantizeLinear', ['w', scale('w', weightScales)], 'w_dq', axis),
      g.node('DequantizeLinear', ['b', scale('b', products)], 'b_dq', axis),
    );
  }
  const { kernel, strides, dilations, pads, group } = rest;
  g.node(opTypes[operator], operands, 'y_raw', {
    ...(kernel && { kernel_shape: kernel }),
    ...(strides && { strides }),
    ...(dilations && { dilations }),
    ...(pads && { pads }),
    ...(group !== undefined && { group }),
    ...(operator === 'fully-connected' && { transB: 1 }),
  });
  g.node('QuantizeLinear', ['y_raw', scale('y', output.scale), int8('y_z', output.zeroPoint)], 'y_all');
  g.node('Clip', ['y_all', int8('low', low), int8('high', high)], 'y_q');
  g.node('DequantizeLinear', ['y_q', 'y_s', 'y_z'], 'y');
  g.output('y');
  return g.build();
}

/** Shares of 16 bits are a step on the way to codes of any scale: these, by the arithmetic that the other cases hold. */
function requantized(given: GoldenCase): GoldenCase {
  const { output } = given;
  if (output.scale[0] !== WIDE_SCALE) return given;
  const form = fixedPoint(WIDE_SCALE / OTHER_GRID.scale[0]);
  const data = output.data.map((code) =>
    clamp(multiplyFixedPoint(code - output.zeroPoint, form) + OTHER_GRID.zeroPoint, -128, 127),
  );
  return { ...given, output: { dims: output.dims, ...OTHER_GRID, data } };
}

const WIDE_SCALE = 2 ** -16;
const OTHER_GRID = { scale: [Math.fround(1 / 190)] as const, zeroPoint: -101 };

const codesOf = ({ dims, data }: Value): Codes => ({ dims, data: Int8Array.from(data) });

describe("TFLite's own kernels", () => {
  it.each(golden.map((each) => [each.name, requantized(each)] as const))(
    '%s: bit for bit',
    async (_, each) => {
      const program = await readProgram(qdqModel(each));
      expect(program.operators.map(({ operator }) => operator)).toEqual([each.operator]);
      const inputs = new Map(each.inputs.map((input, i) => [`x${i}_q`, codesOf(input)]));
      const result = runProgram(program, inputs).get('y_q');
      expect(result?.dims).toEqual(each.output.dims);
      expect([...(result?.data ?? [])]).toEqual(each.output.data);
    },
  );

  it('are given codes of every size, and clamp some', () => {
    for (const { output, low, high } of golden.map(requantized)) {
      const inside = output.data.filter((code) => code > low && code < high);
      expect(new Set(inside).size).toBeGreaterThan(5);
    }
    expect(golden.some(({ output, high }) => high < 127 && output.data.includes(high))).toBe(true);
  });
});
