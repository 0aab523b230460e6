import { inputAt, intAttribute, intsAttribute, isOp, type Node } from '../../graph/model.js';
import type { Arithmetic, FixedPoint } from '../../numerics/fixed-point.js';
import { clamp } from '../../numerics/round.js';
import {
  activationAt,
  boundsOf,
  type IntegerKernel,
  NotInteger,
  type ProgramSource,
  resultOf,
} from '../kernel.js';
import type { Codes, Dims } from '../program.js';
import { isSameGrid, rescalingOf } from '../requantize.js';
import { outputSize, planesOf, type Window, windowOf, withPlanes } from '../window.js';

/** An average over a window. */
export interface AveragePoolParameters extends Window {
  /** Whether padding counts, as real 0. */
  readonly countsPadding: boolean;
  /** M0 and shift of s_x / s_y; null where input and result have one scale and zero point, and codes themselves are averaged. */
  readonly multiplier: number | null;
  readonly shift: number | null;
  readonly low: number;
  readonly high: number;
}

/**
 * Averages, in the two forms of TFLite: of the codes themselves (AveragePool) where the scales are one, else of
 * M / count·Σ(x − Z_x) (Mean).
 */
export const averagePool: IntegerKernel = {
  name: 'average-pool',
  opTypes: ['AveragePool', 'GlobalAveragePool'],
  summary: 'average over a window',
  read(node: Node, source: ProgramSource) {
    const read = activationAt(node, 0, source);
    const written = resultOf(node.outputs[0] ?? '', source);
    const [input, output] = [source.valueOf(read), source.valueOf(written)];
    const dims = source.dimsOf(inputAt(node, 0) ?? '');
    const kernel = kernelOf(node, dims);
    const isOfCodes = isSameGrid(input, output) && !source.arithmetic.isShiftOnly;
    const form = isOfCodes ? null : rescalingOf(source, input, output);
    const p: AveragePoolParameters = {
      ...windowOf(node, kernel, dims),
      countsPadding: intAttribute(node, 'count_include_pad', 0) !== 0,
      multiplier: form?.multiplier ?? null,
      shift: form?.shift ?? null,
      ...boundsOf(written),
    };
    if (source.arithmetic.isShiftOnly) refuseOddCounts(p, dims);
    return {
      ...{ inputs: [input], outputs: [output], nodes: written.nodes },
      parameters: { ...p, countsPadding: Number(p.countsPadding) },
      run: ([codes]) => [
        runAveragePool(p, codes as Codes, [input.zeroPoint, output.zeroPoint], source.arithmetic),
      ],
    };
  },
};

/** A shift divides by powers of two alone: so many places each window has. */
function refuseOddCounts(
  { kernel, pads, countsPadding }: AveragePoolParameters,
  dims: Dims | undefined,
): void {
  const count = kernel[0] * kernel[1];
  const isWhole = countsPadding || pads.every((pad) => pad === 0);
  if (dims && isWhole && Number.isInteger(Math.log2(count))) return;
  throw new NotInteger(`it averages over ${count} places, no power of two`);
}

function kernelOf(node: Node, dims: readonly (number | null)[] | undefined): number[] {
  if (isOp(node, 'AveragePool')) return intsAttribute(node, 'kernel_shape') ?? [];
  const places = dims?.slice(2);
  if (!places || places.some((size) => size === null))
    throw new NotInteger('it averages over a size that is not known');
  return places.map(Number);
}

/** The codes of averages of [N, C, H, W] or [N, C, W]. */
export function runAveragePool(
  p: AveragePoolParameters,
  input: Codes,
  [inputZero, outputZero]: readonly [number, number],
  { multiply, divide }: Arithmetic,
): Codes {
  const [n, c, h, w] = planesOf(input.dims);
  const [oh, ow] = outputSize(p, h, w);
  const data = new Int8Array(n * c * oh * ow);
  const form: FixedPoint | undefined =
    p.multiplier === null || p.shift === null ? undefined : { multiplier: p.multiplier, shift: p.shift };
  const offset = form ? inputZero : 0;
  let to = 0;
  for (let plane = 0; plane < n * c; plane++)
    for (let y = 0; y < oh; y++)
      for (let x = 0; x < ow; x++) {
        let [sum, inside] = [0, 0];
        for (let k = 0; k < p.kernel[0] * p.kernel[1]; k++) {
          const row = y * p.strides[0] - p.pads[0] + Math.floor(k / p.kernel[1]) * p.dilations[0];
          const column = x * p.strides[1] - p.pads[1] + (k % p.kernel[1]) * p.dilations[1];
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          sum += (input.data[(plane * h + row) * w + column] as number) - offset;
          inside++;
        }
        const count = p.countsPadding ? p.kernel[0] * p.kernel[1] : inside;
        if (!form) sum += (count - inside) * inputZero;
        const mean = form ? multiply(sum, divide(form, count)) : dividedRounding(sum, count);
        data[to++] = clamp(mean + (form ? outputZero : 0), p.low, p.high);
      }
  return { dims: withPlanes(input.dims, n, c, oh, ow), data };
}

/** x / count, halves away from zero, as C's truncating division gives it. */
export function dividedRounding(x: number, count: number): number {
  const half = Math.floor(count / 2);
  return Math.trunc((x > 0 ? x + half : x - half) / count);
}
