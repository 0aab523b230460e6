import { inputAt, intAttribute, type Node } from '../../graph/model.js';
import type { IntegerKernel, ProgramSource } from '../kernel.js';
import { type LinearParameters, readLinear, requantizerOf } from '../linear.js';
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
    const codesOf = requantizerOf(parameters, output.zeroPoint, source.arithmetic);
    return {
      inputs: [input],
      outputs: [output],
      nodes,
      parameters: { ...whole },
      run: ([codes]) => [runConv(whole, codes as Codes, input.zeroPoint, codesOf)],
    };
  },
};

/** The codes of a convolution of [N, C, H, W] or [N, C, W]; int32 sums where nothing requantizes them. */
export function runConv(
  p: ConvParameters,
  input: Codes,
  inputZero: number,
  codesOf: ReturnType<typeof requantizerOf>,
): Codes {
  const [n, c, h, w] = planesOf(input.dims);
  const [outputs = 1, perGroup = 1] = p.weightDims;
  const [top, left, bottom, right] = p.pads;
  const [oh, ow] = outputSize(p, h, w);
  const [ph, pw] = [h + top + bottom, w + left + right];
  const padded = new Int8Array(c * ph * pw);
  const sums = new Int32Array(oh * ow);
  const results = n * outputs * oh * ow;
  const data = p.multipliers.length === 0 ? new Int32Array(results) : new Int8Array(results);
  const taps = perGroup * p.kernel[0] * p.kernel[1];
  const offsets = offsetsOf(p, taps, ph, pw);
  const weights = new Int8Array(offsets.length);
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
      const own = p.weight.subarray(o * taps, (o + 1) * taps);
      weights.set(own);
      addPlane(sums, padded, weights, offsets, {
        ...{ first, rows: oh, columns: ow },
        ...{ rowStep: p.strides[0] * pw, columnStep: p.strides[1] },
      });
      const to = (image * outputs + o) * oh * ow;
      for (let place = 0; place < oh * ow; place++) data[to + place] = codesOf(sums[place] as number, o);
    }
  }
  return { dims: withPlanes(input.dims, n, outputs, oh, ow), data };
}

/** Weights that are added up in one go over the places: a place is then loaded and stored a fourth as often. */
const TOGETHER = 4;

/** For each weight of an output channel, where its code stands from the window's first on; filled up with the first place. */
function offsetsOf({ kernel, dilations }: Window, taps: number, ph: number, pw: number): Int32Array {
  const [rows, columns] = kernel;
  return Int32Array.from({ length: Math.ceil(taps / TOGETHER) * TOGETHER }, (_, i) => {
    if (i >= taps) return 0;
    const k = i % (rows * columns);
    const row = Math.floor(k / columns) * dilations[0];
    return (Math.floor(i / (rows * columns)) * ph + row) * pw + (k % columns) * dilations[1];
  });
}

/** Where the windows of one output channel stand in the padded codes. */
interface Places {
  readonly first: number;
  readonly rows: number;
  readonly columns: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

/** Adds up all weights of one output channel, each times all the places that it meets. */
function addPlane(
  sums: Int32Array,
  codes: Int8Array,
  weights: Int8Array,
  offsets: Int32Array,
  { first, rows, columns, rowStep, columnStep }: Places,
): void {
  for (let i = 0; i < weights.length; i += TOGETHER) {
    const [a, b, c, d] = [weights[i], weights[i + 1], weights[i + 2], weights[i + 3]] as [
      number,
      number,
      number,
      number,
    ];
    const atA = first + (offsets[i] as number);
    const atB = first + (offsets[i + 1] as number);
    const atC = first + (offsets[i + 2] as number);
    const atD = first + (offsets[i + 3] as number);
    let to = 0;
    for (let y = 0; y < rows; y++) {
      let from = y * rowStep;
      for (let x = 0; x < columns; x++) {
        const left = Math.imul(a, codes[atA + from] as number) + Math.imul(b, codes[atB + from] as number);
        const right = Math.imul(c, codes[atC + from] as number) + Math.imul(d, codes[atD + from] as number);
        sums[to] = ((sums[to] as number) + left + right) | 0;
        to++;
        from += columnStep;
      }
    }
  }
}
