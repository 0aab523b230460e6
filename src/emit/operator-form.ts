import { mapBodies } from '../graph/bodies.js';
import { addInitializer, dropUnreadConstants } from '../graph/edit.js';
import { flatNodes } from '../graph/flat.js';
import {
  type IntegerForm,
  inputsOf,
  integerForms,
  type Operand,
  RUNTIME_DOMAIN,
} from '../graph/integer-forms.js';
import {
  attribute,
  floatAttribute,
  type Graph,
  inputAt,
  isOp,
  type Model,
  type Node,
  node,
  opsetOf,
  subgraphsOf,
} from '../graph/model.js';
import { isQuantizing, QdqGraph } from '../graph/qdq-graph.js';
import { tensorOf } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import { elementCount } from '../numerics/nd-array.js';
import { RUNTIME_DOMAIN_VERSION } from './block-writer.js';

/** The integer form of a float operator; undefined where it has none. */
const formOf = (each: Node): IntegerForm | undefined =>
  each.domain === '' ? integerForms.find(({ float }) => float === each.opType) : undefined;

/**
 * A QDQ model in onnxruntime's integer operators, those that its default session makes of it: QLinearConv, QLinearMatMul, QGemm,
 * QLinearAdd and their like, in bodies, too. What has no such operator keeps its DQ and Q.
 */
export function inOperatorForm(model: Model): Model {
  const { graph } = model;
  const copy = { ...graph, initializers: new Map(graph.initializers), valueInfo: new Map(graph.valueInfo) };
  const written: Model = { ...model, opsets: new Map(model.opsets), graph: copy };
  copy.nodes = new OperatorWriter(written).nodes();
  copy.nodes = withoutUnused(copy);
  dropUnreadConstants(copy);
  if (flatNodes(copy).some(({ domain }) => domain === RUNTIME_DOMAIN) && !written.opsets.has(RUNTIME_DOMAIN))
    written.opsets.set(RUNTIME_DOMAIN, RUNTIME_DOMAIN_VERSION);
  return written;
}

class OperatorWriter {
  readonly #model: Model;
  readonly #qdq: QdqGraph;
  readonly #taken = new Set<Node>();
  readonly #zeros: Map<string, string>;

  /** @param zeros - names of the constants that were made before */
  constructor(model: Model, zeros = new Map<string, string>()) {
    this.#model = model;
    this.#zeros = zeros;
    this.#qdq = new QdqGraph({ ...model.graph, nodes: [...model.graph.nodes] });
  }

  nodes(): Node[] {
    const made = this.#qdq.graph.nodes.map((each) => this.#written(each) ?? each);
    const kept = made.filter((each) => !this.#taken.has(each));
    return kept.map((each) =>
      subgraphsOf(each).length === 0 ? each : mapBodies(each, (body) => this.#body(body)),
    );
  }

  /** A body, whose scales and codes are constants of the main graph. */
  #body(body: Graph): Graph {
    const { initializers } = this.#model.graph;
    const view = { ...this.#model, graph: { ...body, initializers } };
    const nodes = new OperatorWriter(view, this.#zeros).nodes();
    return { ...body, nodes: withoutUnused({ ...body, nodes }) };
  }

  #written(each: Node): Node | undefined {
    if (isOp(each, 'Conv')) return this.#conv(each);
    if (isOp(each, 'Gemm')) return this.#gemm(each, each);
    const add = isOp(each, 'MatMul') ? this.#biasAdd(each) : undefined;
    if (add) return this.#gemm(each, add);
    const form = formOf(each);
    const operands = form && this.#operands(each);
    if (!form || !operands) return undefined;
    const quantize = this.#quantizeOf(each.outputs[0] ?? '');
    if (!quantize) return isOp(each, 'MatMul') ? matMulToFloat(each, operands) : undefined;
    this.#taken.add(quantize);
    const attributes = new Map(each.attributes);
    // Its axis means what it meant in this opset.
    if (form.name === 'QLinearSoftmax') attributes.set('opset', attribute.int(opsetOf(this.#model)));
    const result = this.#parametersOf(quantize, 'uint8');
    return {
      ...each,
      ...{ opType: form.name, domain: form.domain, attributes },
      inputs: inputsOf(form, { operands, result, bias: '' }),
      outputs: [...quantize.outputs],
    };
  }

  #conv(each: Node): Node | undefined {
    const form = formOf(each);
    const operands = this.#operands(each, 2);
    const quantize = this.#quantizeOf(each.outputs[0] ?? '');
    const bias = this.#biasAt(each);
    if (!form || !operands || !quantize || bias === undefined) return undefined;
    this.#taken.add(quantize);
    const result = this.#parametersOf(quantize, 'uint8');
    return {
      ...each,
      opType: form.name,
      inputs: inputsOf(form, { operands, result, bias: bias[0] ?? '' }),
      outputs: [...quantize.outputs],
    };
  }

  /** A Gemm, or a MatMul and the Add of its bias; without a Q behind it the result is float. */
  #gemm(each: Node, last: Node): Node | undefined {
    const form = integerForms.find(({ float }) => float === 'Gemm');
    const operands = this.#operands(each, 2);
    const isPlain = ['alpha', 'beta'].every((name) => floatAttribute(each, name, 1) === 1);
    const bias = last === each ? this.#biasAt(each) : this.#biasOf(last, each);
    if (!form || !operands || !isPlain || bias === undefined) return undefined;
    const [output = ''] = last.outputs;
    const quantize = this.#quantizeOf(output);
    if (quantize) this.#taken.add(quantize);
    if (last !== each) this.#taken.add(last);
    const { alpha: _, beta: __, ...attributes } = Object.fromEntries(each.attributes);
    const result = quantize ? this.#parametersOf(quantize, 'uint8') : [];
    return {
      ...each,
      ...{ opType: form.name, domain: form.domain, attributes: new Map(Object.entries(attributes)) },
      inputs: inputsOf(form, { operands, result, bias: bias[0] ?? '' }),
      outputs: quantize ? [...quantize.outputs] : [output],
    };
  }

  /** The first inputs as codes; undefined where one is float. */
  #operands(each: Node, count = each.inputs.length): Operand[] | undefined {
    const operands = each.inputs.slice(0, count).map((value): Operand | undefined => {
      const dequantize = this.#qdq.uses.producer(value);
      if (!dequantize || !isQuantizing(dequantize, 'DequantizeLinear')) return undefined;
      const [codes = ''] = dequantize.inputs;
      const isWeight =
        this.#qdq.graph.initializers.get(codes)?.dataType === 'int8' || dequantize.attributes.has('axis');
      return [codes, ...this.#parametersOf(dequantize, isWeight ? 'int8' : 'uint8')];
    });
    return operands.every((operand) => operand !== undefined) ? operands : undefined;
  }

  /** Scale and zero point; one that is left out is 0s of the type, as many as there are scales. */
  #parametersOf(each: Node, type: 'int8' | 'uint8'): [string, string] {
    const [, scale = '', given] = each.inputs;
    if (given) return [scale, given];
    const dims = this.#model.graph.initializers.get(scale)?.dims ?? [];
    const key = `${type}_zeros${dims.map((dim) => `_${dim}`).join('')}`;
    const data = type === 'int8' ? new Int8Array(elementCount(dims)) : new Uint8Array(elementCount(dims));
    const name =
      this.#zeros.get(key) ?? addInitializer(this.#model.graph, key, tensorOf({ type, dims, data }));
    this.#zeros.set(key, name);
    return [scale, name];
  }

  /** The Q that alone reads a float result. */
  #quantizeOf(value: string): Node | undefined {
    const reader = this.#qdq.uses.onlyReader(value);
    return reader && isQuantizing(reader, 'QuantizeLinear') ? reader : undefined;
  }

  /** The int32 bias of a layer, none where it has none; undefined where it is float. */
  #biasAt(each: Node): readonly string[] | undefined {
    const value = inputAt(each, 2);
    return value === undefined ? [] : this.#int32(value);
  }

  #biasOf(add: Node, product: Node): readonly string[] | undefined {
    const value = add.inputs.find((name) => name !== product.outputs[0]);
    return value === undefined ? undefined : this.#int32(value);
  }

  #int32(value: string): readonly string[] | undefined {
    const read = this.#qdq.read(value);
    return read?.tensor?.dataType === 'int32' ? [read.name] : undefined;
  }

  /** The Add that brings an int32 bias to a MatMul of matrices. */
  #biasAdd(each: Node): Node | undefined {
    const [output = ''] = each.outputs;
    const add = this.#qdq.uses.onlyReader(output);
    return add && isOp(add, 'Add') && this.#biasOf(add, each) ? add : undefined;
  }
}

/** A product whose result stays float. */
function matMulToFloat(each: Node, [a, b]: readonly Operand[]): Node | undefined {
  if (!a || !b) return undefined;
  const inputs = [a[0], b[0], a[1], b[1], a[2], b[2]];
  return {
    ...node('MatMulIntegerToFloat', inputs, each.outputs),
    id: each.id,
    name: each.name,
    domain: RUNTIME_DOMAIN,
  };
}

/** The nodes without the DQs that only the float forms read. */
function withoutUnused(graph: Graph): Node[] {
  const uses = indexUses(graph);
  return graph.nodes.filter(
    (each) =>
      !isQuantizing(each, 'DequantizeLinear') || !each.outputs.every((output) => uses.isUnused(output)),
  );
}
