import { type Graph, isOp, type Node } from '../graph/model.js';
import { indexUses, type Uses } from '../graph/uses.js';

/** What a quantized graph has of a value: a float as it stands, or codes that a DQ reads. */
export interface FoundValue {
  /** The tensor of the file: the float, or the codes. */
  readonly tensor: string;
  /** What a DQ reads; undefined where the tensor is a float that was quantized and dequantized already. */
  readonly codes?: { readonly inputs: readonly string[]; readonly domain: string };
}

/** Where the integer operators of onnxruntime have the scale of their output; its zero point follows. */
const outputScaleAt: Readonly<Record<string, number>> = {
  QLinearConv: 6,
  QLinearConvTranspose: 6,
  QLinearMatMul: 6,
  QLinearAdd: 6,
  QLinearMul: 6,
  QGemm: 7,
  QLinearConcat: 0,
  QLinearAveragePool: 3,
  QLinearGlobalAveragePool: 3,
  QLinearLeakyRelu: 3,
  QLinearReduceMean: 3,
  QLinearSigmoid: 3,
  QLinearSoftmax: 3,
};

const isQuantize = (node: Node): boolean => node.opType === 'QuantizeLinear';
const isDequantize = (node: Node): boolean => node.opType === 'DequantizeLinear';

/** Finds the values of a float graph in a quantized one, as the quantizers known write them. */
export class QuantizedValues {
  readonly uses: Uses;
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.uses = indexUses(graph);
  }

  /**
   * The quantized form of a value: behind the Q that reads it, the value itself where a DQ makes it, or what
   * onnxruntime's quantizer names after it (`_quantized` in operator form, `_DequantizeLinear_Output` in QDQ form).
   */
  quantizedFormOf(value: string): FoundValue | undefined {
    const quantize = this.uses
      .readers(value)
      .find(({ node, index }) => index === 0 && isQuantize(node))?.node;
    if (quantize) return this.#behind(quantize);
    const producer = this.uses.producer(value);
    if (producer && isDequantize(producer)) return { tensor: value };
    if (producer) return undefined;
    return this.#ofCodes(`${value}_quantized`, value) ?? this.#made(`${value}_DequantizeLinear_Output`);
  }

  /** A value under its own name, in float as far as its maker tells. */
  floatFormOf(value: string): FoundValue | undefined {
    return this.#made(value);
  }

  /** The quantized form of what an operator makes, whatever its name. */
  formOfResult(node: Node): FoundValue | undefined {
    const [output = ''] = node.outputs;
    return this.quantizedFormOf(output) ?? this.#ofCodes(output, output) ?? this.floatFormOf(output);
  }

  /** The operators that read a value that was found: its tensor, or a DQ of it. */
  readersOf({ tensor }: FoundValue): Node[] {
    const readers = this.uses.readers(tensor).map(({ node }) => node);
    return readers.flatMap((node) =>
      isDequantize(node) || isQuantize(node)
        ? [node, ...node.outputs.flatMap((output) => this.readersOf({ tensor: output }))]
        : [node],
    );
  }

  /** Whether a node makes this value. */
  has(value: string): boolean {
    return this.uses.producer(value) !== undefined;
  }

  #made(tensor: string): FoundValue | undefined {
    return this.has(tensor) ? { tensor } : undefined;
  }

  /** The codes that a Q makes, behind the Clip that narrows them. */
  #behind(quantize: Node): FoundValue {
    const [, ...parameters] = quantize.inputs;
    const codes = this.#clipped(quantize.outputs[0] ?? '');
    return { tensor: codes, codes: { inputs: [codes, ...parameters], domain: quantize.domain } };
  }

  #clipped(codes: string): string {
    const reader = this.uses.onlyReader(codes);
    return reader && isOp(reader, 'Clip') ? (reader.outputs[0] ?? codes) : codes;
  }

  /** Codes whose scale and zero point their maker, a reader, or constants named after the value tell. */
  #ofCodes(codes: string, value: string): FoundValue | undefined {
    const producer = this.uses.producer(codes);
    if (!producer) return undefined;
    const found = (scale?: string, zeroPoint?: string, domain = ''): FoundValue | undefined =>
      scale
        ? { tensor: codes, codes: { inputs: [codes, scale, ...(zeroPoint ? [zeroPoint] : [])], domain } }
        : undefined;
    if (isQuantize(producer)) return found(producer.inputs[1], producer.inputs[2], producer.domain);
    const at = outputScaleAt[producer.opType];
    if (at !== undefined) return found(producer.inputs[at], producer.inputs[at + 1]);
    const reader = this.uses
      .readers(codes)
      .find(({ node, index }) => index === 0 && isDequantize(node))?.node;
    if (reader) return found(reader.inputs[1], reader.inputs[2], reader.domain);
    const { initializers } = this.#graph;
    const scale = `${value}_scale`;
    return initializers.has(scale)
      ? found(scale, initializers.has(`${value}_zero_point`) ? `${value}_zero_point` : undefined)
      : undefined;
  }
}
