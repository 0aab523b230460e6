import { GraphEditor } from '../graph/editor.js';
import { linearLayerOf } from '../graph/linear-layer.js';
import { intsAttribute, isOp, type Model, type Node, node } from '../graph/model.js';
import { isFloatTensor, type Tensor } from '../graph/tensor.js';
import type { Pass } from './pass.js';

/** Operators of a value and a constant that move before a Transpose. */
const moving = ['Add', 'Sub', 'Mul', 'Div'] as const;

/**
 * Add, Sub, Mul and Div of a constant behind the Transpose of a layer move before it, where the layer can take them: networks
 * of channels last that became channels first have their scales and biases there.
 *
 * - The Transpose is read by that node alone, and reads what a Conv, ConvTranspose, Gemm or MatMul makes, or what moved there.
 * - The constant varies along one axis at most, so that its elements keep their order.
 * - The Transpose takes over the name of the node's output, and the node keeps its id.
 */
export const affineBeforeTranspose: Pass = {
  name: 'affine-before-transpose',
  summary: 'constants behind the Transpose of a layer move before it',
  needs: ['constants are initializers', 'no identities'],
  ensures: [],
  run(model: Model): number {
    const nodes = model.graph.nodes.filter((each) => isOp(each, ...moving));
    if (nodes.length === 0 || !model.graph.nodes.some((each) => isOp(each, 'Transpose'))) return 0;
    const editor = new GraphEditor(model);
    const moved = new Set<Node>();
    return nodes.filter((each) => move(editor, each, moved)).length;
  },
};

function move(editor: GraphEditor, each: Node, moved: Set<Node>): boolean {
  const { graph, uses } = editor;
  const constantAt = each.inputs.findIndex((name) => graph.initializers.has(name));
  const name = each.inputs[constantAt] ?? '';
  const constant = graph.initializers.get(name);
  const turnedValue = each.inputs[1 - constantAt] ?? '';
  const transpose = uses.hasOneUse(turnedValue) ? uses.producer(turnedValue) : undefined;
  if (!constant || !transpose || !isOp(transpose, 'Transpose')) return false;
  const [value = ''] = transpose.inputs;
  const maker = uses.hasOneUse(value) ? uses.producer(value) : undefined;
  const order = intsAttribute(transpose, 'perm');
  const dims = order && dimsBefore(constant, order);
  if (!maker || !dims || !(moved.has(maker) || linearLayerOf(graph, maker))) return false;
  const [output = ''] = each.outputs;
  const before = editor.fresh(`${value}_${each.opType.toLowerCase()}`);
  const own = editor.addInitializer(`${name}_turned`, { ...constant, dims });
  const inputs = constantAt === 0 ? [own, value] : [value, own];
  const made = { ...node(each.opType, inputs, [before]), id: each.id };
  editor.replace(each);
  editor.setMoments(turnedValue, undefined);
  graph.valueInfo.delete(turnedValue);
  const turning = { ...transpose, inputs: [before], outputs: [output] };
  editor.replace(transpose, made, turning);
  moved.add(made);
  return true;
}

/** The shape of a constant before its axes are turned; undefined where it varies along several, or raises the rank. */
function dimsBefore(constant: Tensor, order: readonly number[]): number[] | undefined {
  const { dims } = constant;
  const isLine = dims.filter((size) => size !== 1).length <= 1;
  if (!isFloatTensor(constant) || !isLine || dims.length > order.length) return undefined;
  const missing = order.length - dims.length;
  return order.map((_, axis) => dims[order.indexOf(axis) - missing] ?? 1);
}
