import { NameScope } from '../graph/edit.js';
import { attribute, inputAt, type Model, type Node, node } from '../graph/model.js';

/** Where an integer operator has its operands: codes, scale and zero point of each, and the bias in int32. */
interface Places {
  readonly input: number;
  readonly weight: number;
  readonly bias: number | undefined;
  readonly output: number;
  /** The float operator of the same arithmetic. */
  readonly opType: string;
  /** Axis of the weight that the output channels run along; undefined where an attribute says it. */
  readonly axis: number | undefined;
}

const operators: Readonly<Record<string, Places>> = {
  QLinearConv: { input: 0, weight: 3, bias: 8, output: 6, opType: 'Conv', axis: 0 },
  QLinearMatMul: { input: 0, weight: 3, bias: undefined, output: 6, opType: 'MatMul', axis: 1 },
  QGemm: { input: 0, weight: 3, bias: 6, output: 7, opType: 'Gemm', axis: undefined },
};

/**
 * The layers of a model in operator form (QLinearConv, QLinearMatMul, QGemm) as DQ → float operator → Q, which is what
 * they stand for; everything else as it is.
 */
export function qdqForm(model: Model): Model {
  const { graph } = model;
  if (!graph.nodes.some(({ opType }) => opType in operators)) return model;
  const names = new NameScope(graph);
  const nodes = graph.nodes.flatMap((source): Node[] => {
    const places = operators[source.opType];
    if (!places) return [source];
    const at = (place: number) => inputAt(source, place) ?? '';
    const fresh = (suffix: string) => names.fresh(`${source.id}_${suffix}`);
    const axis = attribute.int(places.axis ?? (source.attributes.get('transB') ? 0 : 1));
    const operand = (place: number, suffix: string, attributes = {}) =>
      node('DequantizeLinear', [at(place), at(place + 1), at(place + 2)], [fresh(suffix)], attributes);
    const input = operand(places.input, 'x');
    const weight = operand(places.weight, 'w', { axis });
    const made = [input, weight];
    const inputs = made.map(({ outputs: [output = ''] }) => output);
    const bias = places.bias === undefined ? '' : at(places.bias);
    if (bias) {
      const scale = node('Mul', [at(places.input + 1), at(places.weight + 1)], [fresh('bs')]);
      const row = node('DequantizeLinear', [bias, ...scale.outputs], [fresh('b')], {
        axis: attribute.int(0),
      });
      made.push(scale, row);
      inputs.push(...row.outputs);
    }
    const [output = ''] = source.outputs;
    const scale = at(places.output);
    const result = scale ? fresh('y') : output;
    made.push({ ...node(places.opType, inputs, [result]), attributes: source.attributes });
    if (scale) made.push(node('QuantizeLinear', [result, scale, at(places.output + 1)], [output]));
    return made;
  });
  return { ...model, graph: { ...graph, nodes } };
}
