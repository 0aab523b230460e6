import type { Node } from '../../graph/model.js';
import type { Arithmetic } from '../../numerics/fixed-point.js';
import { clamp } from '../../numerics/round.js';
import { eachPair } from '../broadcast.js';
import { type ArithmeticSource, formOf, type IntegerKernel, type ProgramSource, scaleOf } from '../kernel.js';
import { readOperands } from '../pair.js';
import type { Codes } from '../program.js';

/** Bits that both operands are shifted up by, so that rescaling them costs no digit: TFLite's kernel of Add. */
const LEFT_SHIFT = 20;

/** What an addition multiplies its operands and their sum by. */
export interface AddParameters {
  readonly leftShift: number;
  /** M0 and shift of each operand: s_i / (2·max(s_1, s_2)), below 1. */
  readonly multipliers: readonly number[];
  readonly shifts: readonly number[];
  /** M0 and shift of the sum: 2·max(s_1, s_2) / (2^leftShift·s_y). */
  readonly outputMultiplier: number;
  readonly outputShift: number;
  readonly low: number;
  readonly high: number;
}

/** Addition (Jacob et al. 2018, appendix A.2, in the form of TFLite's kernel): both operands at one scale, then the sum. */
export const add: IntegerKernel = {
  name: 'add',
  opTypes: ['Add'],
  summary: 'addition',
  read(node: Node, source: ProgramSource) {
    const { inputs, output, bounds, nodes, constants } = readOperands(node, source);
    const parameters = addParameters(source, inputs.map(scaleOf), scaleOf(output), bounds);
    const zeros = inputs.map(({ zeroPoint }) => zeroPoint);
    return {
      ...{ inputs, outputs: [output], nodes, constants, parameters: { ...parameters } },
      run: (operands) => [runAdd(parameters, operands, [...zeros, output.zeroPoint], source.arithmetic)],
    };
  },
};

/** @param scales - of the operands */
export function addParameters(
  source: ArithmeticSource,
  scales: readonly number[],
  outputScale: number,
  bounds: { low: number; high: number },
): AddParameters {
  const twice = 2 * Math.max(...scales);
  const forms = scales.map((scale) => formOf(source, scale / twice));
  const sum = formOf(source, twice / (2 ** LEFT_SHIFT * outputScale));
  return {
    leftShift: LEFT_SHIFT,
    multipliers: forms.map(({ multiplier }) => multiplier),
    shifts: forms.map(({ shift }) => shift),
    outputMultiplier: sum.multiplier,
    outputShift: sum.shift,
    ...bounds,
  };
}

/**
 * The codes of a sum of two operands.
 *
 * @param zeros - zero points of the operands, and of the sum
 */
export function runAdd(
  p: AddParameters,
  operands: readonly Codes[],
  zeros: readonly number[],
  { multiply }: Arithmetic,
): Codes {
  const scaled = (code: number, at: number) =>
    multiply((code - (zeros[at] as number)) * 2 ** p.leftShift, {
      multiplier: p.multipliers[at] as number,
      shift: p.shifts[at] as number,
    });
  // There are 256 codes of each.
  const tables = [0, 1].map((at) => Int32Array.from({ length: 256 }, (_, i) => scaled(i - 128, at)));
  const [first, second] = tables as [Int32Array, Int32Array];
  const form = { multiplier: p.outputMultiplier, shift: p.outputShift };
  return eachPair(operands[0] as Codes, operands[1] as Codes, (x, y) => {
    const sum = (first[x + 128] as number) + (second[y + 128] as number);
    return clamp(multiply(sum, form) + (zeros[2] as number), p.low, p.high);
  });
}
