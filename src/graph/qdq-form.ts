import { NameScope } from './edit.js';
import { type IntegerForm, integerForms, readInputs } from './integer-forms.js';
import { type Attribute, attribute, intAttribute, type Model, type Node, node } from './model.js';

/** Attributes that the float operators do not have. */
const own = ['channels_last', 'opset'];

/**
 * A model in operator form as DQ → float operator → Q, which is what the operators stand for.
 *
 * @param which - `layers`: QLinearConv, QLinearMatMul and QGemm alone; `all`: QLinearAdd and its like, too
 */
export function qdqForm(model: Model, which: 'layers' | 'all' = 'layers'): Model {
  const operatorOf = (each: Node): IntegerForm | undefined =>
    intAttribute(each, 'channels_last', 0) === 0
      ? integerForms.find(({ name, weight }) => name === each.opType && (which === 'all' || weight))
      : undefined;
  const { graph } = model;
  if (!graph.nodes.some(operatorOf)) return model;
  const names = new NameScope(graph);
  const nodes = graph.nodes.flatMap((source) => {
    const operator = operatorOf(source);
    return operator ? writtenOut(source, operator, names) : [source];
  });
  return { ...model, graph: { ...graph, nodes } };
}

function writtenOut(source: Node, operator: IntegerForm, names: NameScope): Node[] {
  const fresh = (suffix: string) => names.fresh(`${source.id}_${suffix}`);
  const { weight, float } = operator;
  const { operands, result, bias } = readInputs(operator, source.inputs);
  const axis = attribute.int(weight?.axis ?? (source.attributes.get('transB') ? 0 : 1));
  const made = operands.map((operand, i) => {
    const suffix = i === 0 ? 'x' : i === 1 && weight ? 'w' : `x${i}`;
    const attributes: Record<string, Attribute> = weight && i === 1 ? { axis } : {};
    return node('DequantizeLinear', [...operand], [fresh(suffix)], attributes);
  });
  const inputs = made.map(({ outputs: [output = ''] }) => output);
  if (bias) {
    const scale = node(
      'Mul',
      operands.map(([, each]) => each),
      [fresh('bs')],
    );
    const row = node('DequantizeLinear', [bias, ...scale.outputs], [fresh('b')], { axis: attribute.int(0) });
    made.push(scale, row);
    inputs.push(...row.outputs);
  }
  const [output = ''] = source.outputs;
  const value = result.length > 0 ? fresh('y') : output;
  const attributes = new Map([...source.attributes].filter(([name]) => !own.includes(name)));
  made.push({ ...node(float, inputs, [value]), name: source.name, attributes });
  if (result.length > 0) made.push(node('QuantizeLinear', [value, ...result], [output]));
  return made;
}
