import type { LinearLayer } from '../graph/linear-layer.js';
import { attribute, inputAt, type Node, node } from '../graph/model.js';
import type { Constants } from './constants.js';
import type { ValueWriter } from './value-writer.js';

/** Weight and bias of a layer, as floats behind their DQ. */
interface Operands {
  readonly weight: string;
  readonly bias: string;
}

/**
 * Writes a MatMul with a bias on an input of any rank, for which onnxruntime has no integer kernel: the rows of the input as
 * one matrix → Gemm → the rows' own axes again. What several layers need of one value is written once.
 */
export class GemmWriter {
  readonly #nodes: Node[];
  readonly #constants: Constants;
  readonly #values: ValueWriter;
  readonly #made = new Map<string, string>();

  /** @param nodes - gets the nodes, in order */
  constructor(nodes: Node[], constants: Constants, values: ValueWriter) {
    this.#nodes = nodes;
    this.#constants = constants;
    this.#values = values;
  }

  /**
   * Write the product and its bias.
   *
   * @param operands - made when they are asked for, behind the rows
   * @returns what a Reshape to the rows' own axes reads
   */
  write({ node: matMul, inputChannels, outputChannels }: LinearLayer, operands: () => Operands): string[] {
    const input = inputAt(matMul, 0) ?? '';
    const rows = this.#once(`${input} rows`, () => this.#rowsOf(input, inputChannels));
    const { weight, bias } = operands();
    const product = this.#constants.names.fresh(`${matMul.id}_rows`);
    const shape = this.#once(`${input} to ${outputChannels}`, () =>
      this.#shapeWithLast(input, outputChannels),
    );
    this.#nodes.push({ ...matMul, opType: 'Gemm', inputs: [rows, weight, bias], outputs: [product] });
    return [product, shape];
  }

  /** The codes of a value as a matrix of its rows → DQ. */
  #rowsOf(value: string, columns: number): string {
    const [codes, floats] = [
      this.#constants.names.fresh(`${value}_rows_q`),
      this.#constants.names.fresh(`${value}_rows`),
    ];
    const shape = this.#constants.int64List([-1, columns]);
    const read = this.#values.layerCodes(value);
    this.#nodes.push(
      node('Reshape', [read.codes, shape], [codes]),
      node('DequantizeLinear', [codes, ...read.parameters], [floats]),
    );
    return floats;
  }

  /** The shape of a value, its last axis replaced. */
  #shapeWithLast(value: string, last: number): string {
    const fresh = (suffix: string) => this.#constants.names.fresh(`${value}_${suffix}`);
    const [whole, front, shape] = [fresh('shape'), fresh('front'), fresh(`shape_${last}`)];
    const [start, end] = [this.#constants.int64List([0]), this.#constants.int64List([-1])];
    this.#nodes.push(
      node('Shape', [this.#values.namesFor(value).codes], [whole]),
      node('Slice', [whole, start, end], [front]),
      node('Concat', [front, this.#constants.int64List([last])], [shape], { axis: attribute.int(0) }),
    );
    return shape;
  }

  #once(key: string, make: () => string): string {
    const name = this.#made.get(key) ?? make();
    this.#made.set(key, name);
    return name;
  }
}
