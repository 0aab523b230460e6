import { inputAt, intAttribute, type Node } from '../../graph/model.js';
import type { IntegerKernel, ProgramSource } from '../kernel.js';
import { type LinearParameters, readLinear, requantized } from '../linear.js';
import type { Codes } from '../program.js';
import { outputSize, planesOf, type Window, windowOf, withPlanes } from '../window.js';

/** A convolution: weight [outputs, inputs / group, rows, columns]. */
export interface ConvParameters extends LinearParameters, Window {
  readonly group: number;
}

/**
 * Convolution, depthwise too (Jacob et al. 2018, §2.2 to 2.4; TFLite's ConvPerChannel): int32 sums, per channel
 * requantized. What lies outside of the image is real 0, the input's zero point.
 */
export const conv: IntegerKernel = {
  name: 'conv',
  opTypes: ['Conv'],
  summary: 'convolution',
  read(node: Node, source: ProgramSource) {
    const { input, output, parameters, nodes } = readLinear(node, source, 0, false);
    const kernel = parameters.weightDims.slice(2);
    const dims = source.dimsOf(inputAt(node, 0) ?? '');
    const whole: ConvParameters = {
      ...parameters,
      ...windowOf(node, kernel, dims),
      group: intAttribute(node, 'group', 1),
    };
    return {
      inputs: [input],
      outputs: [output],
      nodes,
      parameters: { ...whole },
      run: ([codes]) => [runConv(whole, codes as Codes, input.zeroPoint, output.zeroPoint)],
    };
  },
};

/** The codes of a convolution of [N, C, H, W] or [N, C, W]; int32 sums where nothing requantizes them. */
export function runConv(p: ConvParameters, input: Codes, inputZero: number, outputZero: number): Codes {
  const [n, c, h, w] = planesOf(input.dims);
  const [outputs = 1, perGroup = 1] = p.weightDims;
  const [top, left, bottom, right] = p.pads;
  const [oh, ow] = outputSize(p, h, w);
  const [ph, pw] = [h + top + bottom, w + left + right];
  const padded = new Int8Array(c * ph * pw);
  const sums = new Int32Array(oh * ow);
  const results = n * outputs * oh * ow;
  const data = p.multipliers.length === 0 ? new Int32Array(results) : new Int8Array(results);
  const offsets = offsetsOf(p, perGroup, ph, pw);
  for (let image = 0; image < n; image++) {
    padded.fill(inputZero);
    for (let i = 0; i < c * h; i++) {
      const from = (image * c * h + i) * w;
      const to = (Math.floor(i / h) * ph + (i % h) + top) * pw + left;
      padded.set(input.data.subarray(from, from + w), to);
    }
    for (let o = 0; o < outputs; o++) {
      sums.fill(p.start[o] as number);
      const first = Math.floor(o / (outputs / p.group)) * perGroup * ph * pw;
      const weights = p.weight.subarray(o * offsets.length, (o + 1) * offsets.length);
      weights.forEach((weight, i) => {
        for (let y = 0; weight !== 0 && y < oh; y++) {
          const from = first + (offsets[i] as number) + y * p.strides[0] * pw;
          addRow(sums, y * ow, ow, padded, from, p.strides[1], weight);
        }
      });
      const to = (image * outputs + o) * oh * ow;
      for (let place = 0; place < oh * ow; place++)
        data[to + place] = requantized(sums[place] as number, o, outputZero, p);
    }
  }
  return { dims: withPlanes(input.dims, n, outputs, oh, ow), data };
}

/** For each weight of an output channel, where its code stands from the window's first on. */
function offsetsOf({ kernel, dilations }: Window, channels: number, ph: number, pw: number): Int32Array {
  const [rows, columns] = kernel;
  return Int32Array.from({ length: channels * rows * columns }, (_, i) => {
    const k = i % (rows * columns);
    const row = Math.floor(k / columns) * dilations[0];
    return (Math.floor(i / (rows * columns)) * ph + row) * pw + (k % columns) * dilations[1];
  });
}

/** One weight times a row of the places that it meets. */
function addRow(
  sums: Int32Array,
  to: number,
  columns: number,
  codes: Int8Array,
  from: number,
  stride: number,
  weight: number,
): void {
  for (let x = 0, at = from; x < columns; x++, at += stride)
    sums[to + x] = ((sums[to + x] as number) + Math.imul(weight, codes[at] as number)) | 0;
}
