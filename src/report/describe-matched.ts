import { computeNodes, type MatchedLayer } from '../evaluate/match-layers.js';
import { bitsOf, type DataType } from '../graph/data-type.js';
import { type Graph, inputAt, intAttribute, type Node } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import { indexUses, type Uses } from '../graph/uses.js';
import type { LayerDescription, PlanDescription } from './describe-plan.js';

/** Where the integer operators of onnxruntime have their weight; everywhere else it is the second input. */
const weightAt: Readonly<Record<string, number>> = {
  QLinearConv: 3,
  QLinearConvTranspose: 3,
  QLinearMatMul: 3,
  QGemm: 3,
};

/** What a file says of its layers, where no plan of it is known: the widths that its weights and inputs are kept in. */
export function describeMatched(
  float: Graph,
  quantized: Graph,
  matched: readonly MatchedLayer[],
): PlanDescription {
  const uses = indexUses(quantized);
  const nodes = new Map(matched.map(({ id, quantizedNode }) => [id, quantizedNode]));
  const layers = computeNodes(float).map((node): LayerDescription => {
    const weight = inputAt(node, 1) ?? null;
    const other = nodes.get(node.id);
    const kept = other && keptOf(other, quantized, uses);
    return {
      id: node.id,
      name: node.name ?? null,
      opType: node.opType,
      position: null,
      inside: null,
      weight,
      dims: float.initializers.get(weight ?? '')?.dims ?? [],
      quantized: kept ? kept.quantized : null,
      reason: kept ? kept.reason : 'it was not found in the quantized model',
    };
  });
  return { layers, activations: [], float: [] };
}

/** What MatMulBnb4 has, and no other width. */
const BNB4_BITS = 4;

function keptOf(
  node: Node,
  graph: Graph,
  uses: Uses,
): { quantized: LayerDescription['quantized']; reason: string | null } {
  const at = weightAt[node.opType];
  const weight = constantBehind(inputAt(node, at ?? 1), graph, uses);
  // The scale of an integer operator's weight follows it.
  const ownScale = at === undefined ? undefined : graph.initializers.get(inputAt(node, at + 1) ?? '');
  const isPerChannel = weight?.isPerChannel || hasChannels(ownScale);
  // A product of two activations has no weight; its width is that of its inputs.
  const type = weight?.tensor.dataType ?? codesBehind(inputAt(node, 1), graph, uses);
  const bits =
    node.opType === 'MatMulBnb4'
      ? BNB4_BITS
      : node.opType === 'MatMulNBits'
        ? intAttribute(node, 'bits', 4)
        : type && widthOf(type);
  if (!type || !bits || type.startsWith('float') || type.startsWith('bfloat')) {
    return { quantized: null, reason: type ? `its weight is ${type}` : 'its weight is no constant' };
  }
  const input = codesBehind(inputAt(node, 0), graph, uses);
  return {
    quantized: {
      bits,
      // Which method chose the codes, a file does not say.
      scheme: type,
      granularity: isPerChannel ? 'channel' : 'tensor',
      inputBits: (input && widthOf(input)) ?? null,
      runs: input ? 'integer' : 'float',
      note: null,
      askedBits: null,
      raisedChannels: null,
    },
    reason: null,
  };
}

/** Whether a scale is one a channel. */
const hasChannels = (scale: Tensor | undefined): boolean => (scale?.dims[0] ?? 1) > 1;

const widthOf = (type: DataType): number | undefined => bitsOf(type);

/** Operators that unpack a weight: its codes stand behind them. */
const MAX_STEPS = 12;

/** The constant that a weight is unpacked from, and whether its scales are one a channel. */
function constantBehind(
  value: string | undefined,
  graph: Graph,
  uses: Uses,
): { tensor: Tensor; isPerChannel: boolean } | undefined {
  let isPerChannel = false;
  let name = value;
  for (let step = 0; name !== undefined && step < MAX_STEPS; step++) {
    const tensor = graph.initializers.get(name);
    if (tensor) return { tensor, isPerChannel };
    const maker = uses.producer(name);
    if (maker?.opType === 'DequantizeLinear') {
      isPerChannel = hasChannels(graph.initializers.get(inputAt(maker, 1) ?? ''));
    }
    name = maker && inputAt(maker, 0);
  }
  return undefined;
}

/** The type of the codes that an activation is read from; undefined where it is float. */
function codesBehind(value: string | undefined, graph: Graph, uses: Uses): DataType | undefined {
  const producer = uses.producer(value ?? '');
  if (!producer) return undefined;
  const { opType } = producer;
  if (opType === 'DequantizeLinear') {
    // Without a zero point the codes are uint8, as QuantizeLinear makes them by default.
    return graph.initializers.get(inputAt(producer, 2) ?? '')?.dataType ?? 'uint8';
  }
  if (opType === 'QuantizeLinear')
    return graph.initializers.get(inputAt(producer, 2) ?? '')?.dataType ?? 'uint8';
  if (opType === 'DynamicQuantizeLinear' || opType.startsWith('QLinear') || opType === 'QGemm')
    return 'uint8';
  // Operators that move values run on the codes of what they read.
  const isMove = [
    'MaxPool',
    'Reshape',
    'Transpose',
    'Flatten',
    'Squeeze',
    'Unsqueeze',
    'Clip',
    'Slice',
    'Split',
    'Pad',
  ];
  return isMove.includes(opType) ? codesBehind(inputAt(producer, 0), graph, uses) : undefined;
}
