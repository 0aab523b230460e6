import { dataTypeCodes } from '../graph/data-type.js';
import { type Attribute, attribute, isOp, type Node, node } from '../graph/model.js';
import { floatsOf, type Tensor } from '../graph/tensor.js';
import { isWide } from '../numerics/activation.js';
import { SMALLEST_NORMAL } from '../numerics/affine.js';
import { roundHalfEven } from '../numerics/round.js';
import type { WeightedNode, WeightSite } from '../place/placement.js';
import { biasIn } from '../quantize/bias.js';
import { integerWeight, type Plan, type QuantizedConstant } from '../quantize/plan.js';
import { integersOfTensor, type QuantizedTensor } from '../quantize/quantized-tensor.js';
import type { Constants } from './constants.js';
import type { StorageTarget } from './weights/form.js';
import { formFor } from './weights/forms.js';

/** A power of two, so that a float32 over it is exact: the code is ± this one, the scale a float32. */
const EXACT_CODE = 2 ** 30;

/** DequantizeLinear exists from the first opset on, and has an axis from the second on. */
const DQ_OPSET = 10;
const CHANNEL_DQ_OPSET = 13;

/** The code that is 0 in uint8. */
export const UNSIGNED_ZERO = 128;

/** The scales of a constant, and the axis that they run along. */
type Steps = Pick<QuantizedTensor, 'scales' | 'axis'>;

/** Writes weights and biases: constants, and the nodes that make floats of them. Each gives the name of its floats. */
export class WeightWriter {
  readonly #nodes: Node[];
  readonly #constants: Constants;
  readonly #target: StorageTarget;
  readonly #written = new Map<QuantizedTensor, string>();
  readonly #unsigned = new Map<QuantizedTensor, string>();
  readonly #integers = new Map<QuantizedTensor, string>();
  readonly #reshaped = new Map<string, string>();
  readonly #outside: WeightWriter | undefined;

  /**
   * @param nodes - gets the nodes, in order
   * @param outside - the writer of the main graph, where this one is of a body
   */
  constructor(nodes: Node[], constants: Constants, target: StorageTarget, outside?: WeightWriter) {
    this.#nodes = nodes;
    this.#constants = constants;
    this.#target = target;
    this.#outside = outside;
  }

  /** A writer for a body: what a weight's integers and floats are made of stays here, a DQ that a kernel takes in stands there. */
  inBody(nodes: Node[]): WeightWriter {
    return new WeightWriter(nodes, this.#constants, this.#target, this);
  }

  /** The weight of an integer layer: its form → DQ. */
  dequantized(plan: Plan, { node: reader, sites: [site] }: WeightedNode): string {
    const weight = integerWeight(plan, site);
    const { weightName: name } = site;
    return this.#once(weight, () => {
      const integers = this.integers(weight, name);
      // Without its zero point, 0 as it is, a Gemm or MatMul that writes float gets no integer kernel (measured).
      const zeroPoints = isOp(reader, 'Conv') ? [] : [this.#constants.int8Zeros(weight)];
      return this.#dequantize([integers, ...zeroPoints], weight, name);
    });
  }

  /** The weight of a site of a float operator, in the shape that it has there. */
  stored(plan: Plan, site: WeightSite): string {
    if (this.#outside) return this.#outside.stored(plan, site);
    const floats = this.float(integerWeight(plan, site), site.weightName);
    if (!site.shape) return floats;
    const known = this.#reshaped.get(floats);
    if (known !== undefined) return known;
    const output = this.#constants.names.fresh(`${site.weightName}_r`);
    this.#nodes.push(node('Reshape', [floats, this.#constants.int64List(site.shape)], [output]));
    this.#reshaped.set(floats, output);
    return output;
  }

  /**
   * A weight in few bits under float arithmetic: its form → Cast → Mul, which folds to a float constant at load; or,
   * for other runtimes, int8 → DQ.
   */
  float(weight: QuantizedTensor, name: string): string {
    if (this.#outside) return this.#outside.float(weight, name);
    return this.#once(weight, () => {
      const integers = this.integers(weight, name);
      const { format, opset } = this.#target;
      const hasChannels = weight.axis !== undefined;
      if (format === 'qdq-int8' && opset >= (hasChannels ? CHANNEL_DQ_OPSET : DQ_OPSET))
        return this.#dequantize([integers], weight, name);
      const floats = this.#constants.names.fresh(`${name}_w`);
      const output = this.#constants.names.fresh(`${name}_dq`);
      const scale = this.#broadcastScale(weight, name);
      const to = attribute.int(dataTypeCodes.float32);
      this.#nodes.push(node('Cast', [integers], [floats], { to }), node('Mul', [floats, scale], [output]));
      return output;
    });
  }

  /** A constant operand of integer arithmetic, in uint8 or uint16 → DQ. */
  operand({ codes, dims, quantizer }: QuantizedConstant, name: string): string {
    const stored = this.#constants.add(`${name}_q`, {
      type: codes instanceof Uint16Array ? 'uint16' : 'uint8',
      dims,
      data: codes,
    });
    const zeroPoint = this.#constants.code(quantizer.zeroPoint, isWide(quantizer));
    const steps: Steps = { scales: Float32Array.of(quantizer.scale), axis: undefined };
    return this.#dequantize([stored, zeroPoint], steps, name);
  }

  /** A table whose rows are looked up: its integers, and its scales, one a row or one for all. */
  rows(table: QuantizedTensor, name: string): { integers: string; scale: string } {
    return { integers: this.integers(table, name), scale: this.#broadcastScale(table, name) };
  }

  /** The scales in the shape that multiplies the weight. */
  #broadcastScale({ dims, axis, scales }: QuantizedTensor, name: string): string {
    const shape = axis === undefined ? [] : dims.map((dim, at) => (at === axis ? dim : 1));
    return this.#constants.add(`${name}_s`, { type: 'float32', dims: shape, data: scales });
  }

  /** The int32 bias of an integer layer → DQ. */
  bias(plan: Plan, weighted: WeightedNode): string {
    const bias = biasIn(plan, weighted);
    if (!bias) throw new Error('the layer has no bias');
    const { values, scales } = bias;
    const name = weighted.bias ?? weighted.sites[0].weightName;
    const data = this.#constants.add(`${name}_q`, { type: 'int32', dims: [values.length], data: values });
    return this.#dequantize([data], { scales, axis: scales.length > 1 ? 0 : undefined }, name);
  }

  /**
   * A float constant through an int32 DQ of its own precision: the same numbers, and no constant to the runtime.
   *
   * @param tensor - zeros, one a channel, where there is none
   */
  exactConstant(name: string, tensor: Tensor | undefined, channels: number): string {
    const floats = tensor ? floatsOf(tensor) : new Float32Array(channels);
    const scales = floats.map((value) => Math.max(Math.abs(value) / EXACT_CODE, SMALLEST_NORMAL));
    const data = Int32Array.from(floats, (value, c) => roundHalfEven(value / (scales[c] as number)));
    const codes = this.#constants.add(`${name}_q`, { type: 'int32', dims: [data.length], data });
    const row = this.#dequantize([codes], { scales, axis: 0 }, name);
    if (!tensor || tensor.dims.length < 2) return row;
    const output = this.#constants.names.fresh(`${name}_r`);
    this.#nodes.push(node('Reshape', [row, this.#constants.int64List(tensor.dims)], [output]));
    return output;
  }

  /** The integers of a weight as uint8 about 128, a byte each. */
  unsigned(weight: QuantizedTensor, name: string): string {
    if (this.#outside) return this.#outside.unsigned(weight, name);
    const known = this.#unsigned.get(weight);
    if (known !== undefined) return known;
    const data = Uint8Array.from(integersOfTensor(weight), (code) => code + UNSIGNED_ZERO);
    const stored = this.#constants.add(`${name}_u`, { type: 'uint8', dims: weight.dims, data });
    this.#unsigned.set(weight, stored);
    return stored;
  }

  /** The integers of a weight, of its shape. */
  integers(weight: QuantizedTensor, name: string): string {
    if (this.#outside) return this.#outside.integers(weight, name);
    const known = this.#integers.get(weight);
    if (known !== undefined) return known;
    const output = this.#constants.names.fresh(`${name}_q`);
    this.#nodes.push(...formFor(weight, this.#target).emit(weight, name, output, this.#constants));
    this.#integers.set(weight, output);
    return output;
  }

  /** DQ of a constant: its codes and, where needed, its zero points. */
  #dequantize([codes = '', ...zeroPoints]: readonly string[], { scales, axis }: Steps, name: string): string {
    const dims = axis === undefined ? [] : [scales.length];
    const scale = this.#constants.add(`${name}_s`, { type: 'float32', dims, data: scales });
    const output = this.#constants.names.fresh(`${name}_dq`);
    const attributes: Record<string, Attribute> = axis === undefined ? {} : { axis: attribute.int(axis) };
    this.#nodes.push(node('DequantizeLinear', [codes, scale, ...zeroPoints], [output], attributes));
    return output;
  }

  /** Weights that layers share are written once. */
  #once(weight: QuantizedTensor, make: () => string): string {
    const name = this.#written.get(weight) ?? make();
    this.#written.set(weight, name);
    return name;
  }
}
