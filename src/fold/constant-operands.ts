import { NameScope } from '../graph/edit.js';
import { type Graph, isOp, type Model, type Node } from '../graph/model.js';
import { floatsOf, tensorOf } from '../graph/tensor.js';
import { indexUses, type Uses } from '../graph/uses.js';
import { SMALLEST_NORMAL } from '../numerics/affine.js';
import type { Pass } from './pass.js';

/**
 * Sub and Div of a constant become Add and Mul, which have integer kernels: x − c = x + (−c), x / c = x·(1/c).
 *
 * - The constant is the right operand, of float32; every 1/c is finite and no denormal number.
 * - A Div that an Erf reads stays: with it onnxruntime makes one Gelu of the whole.
 */
export const constantOperands: Pass = {
  name: 'constant-operands',
  summary: 'Sub and Div of a constant become Add and Mul',
  needs: ['constants are initializers'],
  ensures: [],
  run(model: Model): number {
    const { graph } = model;
    if (!graph.nodes.some((node) => isOp(node, 'Sub', 'Div'))) return 0;
    const uses = indexUses(graph);
    const names = new NameScope(graph);
    let changed = 0;
    graph.nodes = graph.nodes.map((node) => {
      const operand = otherOperand(graph, uses, node);
      if (!operand) return node;
      const name = names.fresh(`${node.inputs[1]}_${operand.suffix}`);
      graph.initializers.set(name, operand.tensor);
      changed++;
      return { ...node, opType: operand.opType, inputs: [node.inputs[0] ?? '', name] };
    });
    return changed;
  },
};

/** The operator that takes the place of a Sub or a Div, and its constant; undefined where the node stays. */
function otherOperand(graph: Graph, uses: Uses, node: Node) {
  const constant = graph.initializers.get(node.inputs[1] ?? '');
  if (!isOp(node, 'Sub', 'Div') || constant?.dataType !== 'float32') return undefined;
  const { dims } = constant;
  const tensorFrom = (map: (value: number) => number) =>
    tensorOf({ type: 'float32', dims, data: floatsOf(constant).map(map) });
  if (isOp(node, 'Sub')) return { opType: 'Add', suffix: 'negative', tensor: tensorFrom((value) => -value) };
  const feedsErf = uses.readers(node.outputs[0] ?? '').some((use) => isOp(use.node, 'Erf'));
  const tensor = tensorFrom((value) => 1 / value);
  return feedsErf || !isAllPlain(floatsOf(tensor))
    ? undefined
    : { opType: 'Mul', suffix: 'reciprocal', tensor };
}

function isAllPlain(values: Float32Array): boolean {
  for (const value of values)
    if (!(Number.isFinite(value) && Math.abs(value) >= SMALLEST_NORMAL)) return false;
  return true;
}
