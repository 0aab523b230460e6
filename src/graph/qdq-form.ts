import { NameScope } from './edit.js';
import { type Attribute, attribute, inputAt, intAttribute, type Model, type Node, node } from './model.js';

/** Where an integer operator has its operands and its result: codes, scale and zero point of each, and a bias in int32. */
interface Places {
  /** Of the first input of each operand. */
  readonly operands: (inputs: number) => readonly number[];
  readonly bias?: number;
  /** Of the scale of the result. */
  readonly output: number;
  /** The float operator of the same arithmetic. */
  readonly opType: string;
  /** Whether the second operand is a weight, with scales along this axis; undefined where an attribute says it. */
  readonly weight?: { readonly axis: number | undefined };
}

const both = () => [0, 3];
const one = () => [0];
const pair = (opType: string): Places => ({ operands: both, output: 6, opType });
const single = (opType: string): Places => ({ operands: one, output: 3, opType });

/** Layers: what x86 kernels sum up. */
const layers: Readonly<Record<string, Places>> = {
  QLinearConv: { ...pair('Conv'), bias: 8, weight: { axis: 0 } },
  QLinearMatMul: { ...pair('MatMul'), weight: { axis: 1 } },
  QGemm: { ...pair('Gemm'), bias: 6, output: 7, weight: { axis: undefined } },
};

/** The others of onnxruntime's own domain. */
const others: Readonly<Record<string, Places>> = {
  QLinearAdd: pair('Add'),
  QLinearMul: pair('Mul'),
  QLinearAveragePool: single('AveragePool'),
  QLinearGlobalAveragePool: single('GlobalAveragePool'),
  QLinearLeakyRelu: single('LeakyRelu'),
  QLinearSigmoid: single('Sigmoid'),
  QLinearConcat: {
    operands: (inputs) => Array.from({ length: Math.floor((inputs - 2) / 3) }, (_, i) => 2 + 3 * i),
    output: 0,
    opType: 'Concat',
  },
};

/** Attributes that the float operators do not have. */
const own = ['channels_last'];

/**
 * A model in operator form as DQ → float operator → Q, which is what the operators stand for.
 *
 * @param which - `layers`: QLinearConv, QLinearMatMul and QGemm alone; `all`: QLinearAdd and its like, too
 */
export function qdqForm(model: Model, which: 'layers' | 'all' = 'layers'): Model {
  const table = which === 'all' ? { ...layers, ...others } : layers;
  const placesOf = (each: Node): Places | undefined =>
    Object.hasOwn(table, each.opType) && intAttribute(each, 'channels_last', 0) === 0
      ? table[each.opType]
      : undefined;
  const { graph } = model;
  if (!graph.nodes.some(placesOf)) return model;
  const names = new NameScope(graph);
  const nodes = graph.nodes.flatMap((source) => {
    const places = placesOf(source);
    return places ? writtenOut(source, places, names) : [source];
  });
  return { ...model, graph: { ...graph, nodes } };
}

function writtenOut(source: Node, places: Places, names: NameScope): Node[] {
  const at = (place: number) => inputAt(source, place) ?? '';
  const fresh = (suffix: string) => names.fresh(`${source.id}_${suffix}`);
  const starts = places.operands(source.inputs.length);
  const axis = attribute.int(places.weight?.axis ?? (source.attributes.get('transB') ? 0 : 1));
  const made = starts.map((place, i) => {
    const suffix = i === 0 ? 'x' : i === 1 && places.weight ? 'w' : `x${i}`;
    const attributes: Record<string, Attribute> = places.weight && i === 1 ? { axis } : {};
    return node('DequantizeLinear', [at(place), at(place + 1), at(place + 2)], [fresh(suffix)], attributes);
  });
  const inputs = made.map(({ outputs: [output = ''] }) => output);
  const bias = places.bias === undefined ? '' : at(places.bias);
  if (bias) {
    const [first = 0, second = 0] = starts;
    const scale = node('Mul', [at(first + 1), at(second + 1)], [fresh('bs')]);
    const row = node('DequantizeLinear', [bias, ...scale.outputs], [fresh('b')], { axis: attribute.int(0) });
    made.push(scale, row);
    inputs.push(...row.outputs);
  }
  const [output = ''] = source.outputs;
  const scale = at(places.output);
  const result = scale ? fresh('y') : output;
  const attributes = new Map([...source.attributes].filter(([name]) => !own.includes(name)));
  made.push({ ...node(places.opType, inputs, [result]), name: source.name, attributes });
  if (scale) made.push(node('QuantizeLinear', [result, scale, at(places.output + 1)], [output]));
  return made;
}
