import { dataTypeCodes } from '../graph/data-type.js';
import type { LinearLayer } from '../graph/linear-layer.js';
import { attribute, isOp, type Node, node } from '../graph/model.js';
import { tensorOf } from '../graph/tensor.js';
import type { WeightedNode } from '../place/placement.js';
import { integerWeight, type Plan } from '../quantize/plan.js';
import type { Constants } from './constants.js';
import { UNSIGNED_ZERO, type WeightWriter } from './weight-writer.js';

/** What DynamicQuantizeLinear gives: codes, scale and zero point of a value. */
interface DynamicValue {
  readonly codes: string;
  readonly scale: string;
  readonly zeroPoint: string;
}

/**
 * Writes layers whose input ranges are found anew at every run: DynamicQuantizeLinear → MatMulInteger or ConvInteger →
 * Cast → Mul by both scales → Add of the float bias. onnxruntime makes one kernel of it for MatMul, and this is the form
 * that its WebAssembly build runs.
 */
export class DynamicWriter {
  readonly #nodes: Node[];
  readonly #constants: Constants;
  readonly #weights: WeightWriter;
  readonly #outside: Node[];
  readonly #values = new Map<string, DynamicValue>();

  /**
   * @param nodes - gets the nodes, in order
   * @param outside - gets those that compute from weights alone: of a body's layers, in the main graph
   */
  constructor(nodes: Node[], constants: Constants, weights: WeightWriter, outside = nodes) {
    this.#nodes = nodes;
    this.#constants = constants;
    this.#weights = weights;
    this.#outside = outside;
  }

  /**
   * Write one layer.
   *
   * @param input - the float value that it reads
   * @param bias - the float bias; undefined without one
   */
  write(
    plan: Plan,
    { sites: [site], runs }: WeightedNode,
    input: string,
    bias: Float32Array | undefined,
  ): void {
    if (runs.kind !== 'dynamic') throw new Error(`${site.id} does not run dynamically`);
    const { linear } = runs;
    const weight = integerWeight(plan, site);
    const source = linear.node;
    const { codes, scale, zeroPoint } = this.#quantized(input);
    const [product = '', floats = '', both = ''] = ['i', 'w', 's'].map((suffix) =>
      this.#fresh(source, suffix),
    );
    const isConv = isOp(source, 'Conv');
    const isUnsigned = plan.recipe.format === 'uint8';
    const stored = isUnsigned
      ? this.#weights.unsigned(weight, linear.weightName)
      : this.#weights.integers(weight, linear.weightName);
    const inputs = [
      ...[codes, this.#matrix(linear, stored), zeroPoint],
      ...(isUnsigned ? [this.#constants.uint8(UNSIGNED_ZERO)] : []),
    ];
    this.#nodes.push(
      isConv
        ? { ...source, opType: 'ConvInteger', inputs, outputs: [product] }
        : { ...source, opType: 'MatMulInteger', attributes: new Map(), inputs, outputs: [product] },
      node('Cast', [product], [floats], { to: attribute.int(dataTypeCodes.float32) }),
      node('Mul', [scale, this.#along(linear, weight.scales, `${linear.weightName}_s`)], [both]),
    );
    const result = bias ? this.#fresh(source, 'm') : (source.outputs[0] ?? '');
    this.#nodes.push(node('Mul', [floats, both], [result]));
    if (!bias) return;
    const row = this.#along(linear, bias, `${linear.weightName}_b`);
    this.#nodes.push(node('Add', [result, row], source.outputs));
  }

  #quantized(input: string): DynamicValue {
    const known = this.#values.get(input);
    if (known) return known;
    const [codes = '', scale = '', zeroPoint = ''] = ['q', 's', 'z'].map((suffix) =>
      this.#constants.names.fresh(`${input}_${suffix}`),
    );
    this.#nodes.push(node('DynamicQuantizeLinear', [input], [codes, scale, zeroPoint]));
    const value = { codes, scale, zeroPoint };
    this.#values.set(input, value);
    return value;
  }

  /** A Gemm's weight may lie across; MatMulInteger reads [inputs, outputs]. */
  #matrix({ node: source, outputAxis }: LinearLayer, integers: string): string {
    if (isOp(source, 'Conv') || outputAxis === 1) return integers;
    const output = this.#fresh(source, 't');
    this.#outside.push(node('Transpose', [integers], [output], { perm: attribute.ints([1, 0]) }));
    return output;
  }

  /** One number, or one an output channel, in the shape that meets the layer's result. */
  #along({ node: source, weight: tensor }: LinearLayer, values: Float32Array, wanted: string): string {
    const dims = values.length === 1 ? [] : isOp(source, 'Conv') ? [1, values.length] : [values.length];
    const trailing = isOp(source, 'Conv') && values.length > 1 ? tensor.dims.slice(2).map(() => 1) : [];
    return this.#constants.addTensor(
      wanted,
      tensorOf({ type: 'float32', dims: [...dims, ...trailing], data: values }),
    );
  }

  #fresh({ id }: Node, suffix: string): string {
    return this.#constants.names.fresh(`${id}_${suffix}`);
  }
}
