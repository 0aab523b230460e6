import { type Graph, intAttribute, isOp, type Model, type Node, opsetOf } from '../graph/model.js';

/**
 * The first onnxruntime release that reads an opset, and an IR version.
 * Source: onnxruntime's compatibility table (docs/reference/compatibility) and its release notes.
 */
const firstForOpset: readonly (readonly [opset: number, release: number])[] = [
  [17, 17],
  [19, 17],
  [20, 17],
  [21, 18],
  [22, 21],
  [23, 22],
  [24, 23],
  [25, 24],
  [26, 26],
];
const firstForIr: readonly (readonly [ir: number, release: number])[] = [
  [9, 17],
  [10, 18],
  [11, 21],
  [12, 23],
  [13, 25],
];

/** The first release (1.x) that has a CPU kernel for what a quantized model asks of an operator; measured on each. */
const firstForNode: readonly (readonly [asks: (node: Node, graph: Graph) => boolean, release: number])[] = [
  // ConvInteger on int8 weights: 1.17 to 1.23 have it for uint8 alone.
  [
    (node, graph) =>
      isOp(node, 'ConvInteger') && graph.initializers.get(node.inputs[1] ?? '')?.dataType !== 'uint8',
    24,
  ],
  // 1.17 has MatMulNBits of 4 bits; that of 8 computes in int8 alone before this one.
  [(node) => node.opType === 'MatMulNBits' && intAttribute(node, 'bits', 4) === 8, 23],
  [(node) => node.opType === 'MatMulNBits' && intAttribute(node, 'bits', 4) === 2, 24],
  // Scales in blocks: the oldest that was tried.
  [(node) => isOp(node, 'DequantizeLinear') && intAttribute(node, 'block_size', 0) > 0, 20],
  // 4-bit types have a Cast to int8 from this release on.
  [
    (node, graph) => isOp(node, 'Cast') && graph.initializers.get(node.inputs[0] ?? '')?.dataType === 'int4',
    23,
  ],
];

/** The oldest onnxruntime that is known to run a quantized model, as "1.17". */
export function oldestRuntime(model: Model): string {
  const needed = (table: readonly (readonly [number, number])[], version: number) =>
    table.find(([reaches]) => version <= reaches)?.[1] ?? table.at(-1)?.[1] ?? 0;
  const { graph } = model;
  const release = Math.max(
    needed(firstForOpset, opsetOf(model)),
    needed(firstForIr, model.irVersion),
    ...firstForNode
      .filter(([asks]) => graph.nodes.some((node) => asks(node, graph)))
      .map(([, nodeRelease]) => nodeRelease),
  );
  return `1.${release}`;
}
