import { intAttribute, type Node, opsetOf } from '../../graph/model.js';
import { EXP_INPUT_BITS, fixedExp, fixedReciprocal } from '../../numerics/fixed-exp.js';
import {
  fixedPoint,
  multiplyFixedPoint,
  roundingDivideByPowerOfTwo,
  roundingDoublingHighMul,
} from '../../numerics/fixed-point.js';
import { elementCount } from '../../numerics/nd-array.js';
import { clamp } from '../../numerics/round.js';
import {
  activationAt,
  boundsOf,
  type IntegerKernel,
  NotInteger,
  type ProgramSource,
  resultOf,
  scaleOf,
} from '../kernel.js';
import type { Codes } from '../program.js';

/** What differences of codes are multiplied by, and what shares become. */
export interface SoftmaxParameters {
  /** s_x in Q5.26 as M0 and a left shift. */
  readonly multiplier: number;
  readonly shift: number;
  /** Codes further below the largest are exp(…) = 0. */
  readonly leastDifference: number;
  /** Bits that a share is rounded to: 8 where the result's scale is 1/256 and its zero point −128, else 16. */
  readonly shareBits: number;
  /** M0 and shift from a share of 16 bits to the result's scale; null where the share is the code. */
  readonly outputMultiplier: number | null;
  readonly outputShift: number | null;
  readonly low: number;
  readonly high: number;
}

/** Sums of exp(…) have 12 bits before their point: up to 4,096 of them. */
const SUM_BITS = 12;
const MOST_TERMS = 2 ** SUM_BITS;
const INPUT_INTEGER_BITS = 31 - EXP_INPUT_BITS;
const BYTE = 8;
const WIDE = 16;

/** Softmax along the last axis, in fixed point throughout (TFLite's reference kernel of int8, and CMSIS-NN's). */
export const softmax: IntegerKernel = {
  name: 'softmax',
  opTypes: ['Softmax'],
  summary: 'shares of exp(x) along the last axis',
  read(node: Node, source: ProgramSource) {
    const input = source.valueOf(activationAt(node, 0, source));
    const written = resultOf(node.outputs[0] ?? '', source);
    const output = source.valueOf(written);
    const rank = input.dims?.length;
    const axis = intAttribute(node, 'axis', opsetOf(source.model) < 13 ? 1 : -1);
    if (rank === undefined || (axis !== -1 && axis !== rank - 1))
      throw new NotInteger('it is not along the last axis');
    if (source.arithmetic.isShiftOnly) throw new NotInteger('it is none of shifts');
    const terms = input.dims?.at(-1);
    if (typeof terms !== 'number' || terms > MOST_TERMS)
      throw new NotInteger(`it sums up more than ${MOST_TERMS} terms, or an unknown number`);
    const bounds = boundsOf(written);
    const parameters = softmaxParameters(scaleOf(input), scaleOf(output), output.zeroPoint, bounds);
    return {
      ...{ inputs: [input], outputs: [output], nodes: written.nodes, parameters: { ...parameters } },
      run: ([codes]) => [runSoftmax(parameters, codes as Codes, output.zeroPoint)],
    };
  },
};

function softmaxParameters(
  scale: number,
  outputScale: number,
  outputZero: number,
  bounds: { readonly low: number; readonly high: number },
): SoftmaxParameters {
  const form = fixedPoint(Math.min(scale * 2 ** EXP_INPUT_BITS, 2 ** 30 - 1));
  if (form.shift < 0) throw new NotInteger('its scale is too small for Q5.26');
  const furthest = Math.floor(((2 ** INPUT_INTEGER_BITS - 1) * 2 ** EXP_INPUT_BITS) / 2 ** form.shift);
  const isPlain = outputScale === 2 ** -BYTE && outputZero === -128;
  const rescaled = isPlain ? undefined : fixedPoint(2 ** -WIDE / outputScale);
  return {
    ...form,
    leastDifference: -furthest,
    shareBits: isPlain ? BYTE : WIDE,
    outputMultiplier: rescaled?.multiplier ?? null,
    outputShift: rescaled?.shift ?? null,
    ...bounds,
  };
}

/** The largest share: 1 less one step. */
const mostShare = ({ shareBits }: SoftmaxParameters): number => 2 ** shareBits - 1;

/** The codes of rows' shares. */
export function runSoftmax(p: SoftmaxParameters, { data, dims }: Codes, outputZero: number): Codes {
  const terms = dims.at(-1) ?? 1;
  const rows = elementCount(dims) / terms;
  const result = new Int8Array(data.length);
  // Differences to the largest code are 0 to −255.
  const powers = Int32Array.from({ length: 256 }, (_, difference) =>
    -difference < p.leastDifference
      ? 0
      : fixedExp(roundingDoublingHighMul(-difference * 2 ** p.shift, p.multiplier)),
  );
  const codeOf = (share: number): number => {
    if (p.outputMultiplier === null || p.outputShift === null) return share - 128;
    const form = { multiplier: p.outputMultiplier, shift: p.outputShift };
    return multiplyFixedPoint(share, form) + outputZero;
  };
  for (let row = 0; row < rows; row++) {
    const start = row * terms;
    let most = -128;
    for (let i = 0; i < terms; i++) most = Math.max(most, data[start + i] as number);
    const powerAt = (i: number) => powers[most - (data[start + i] as number)] as number;
    let sum = 0;
    for (let i = 0; i < terms; i++) sum += roundingDivideByPowerOfTwo(powerAt(i), SUM_BITS);
    const { scale, shift } = fixedReciprocal(sum, SUM_BITS);
    for (let i = 0; i < terms; i++) {
      const product = roundingDoublingHighMul(scale, powerAt(i));
      const share = Math.min(mostShare(p), roundingDivideByPowerOfTwo(product, shift + 31 - p.shareBits));
      result[start + i] = clamp(codeOf(share), p.low, p.high);
    }
  }
  return { dims, data: result };
}
