import { NameScope } from '../graph/edit.js';
import { type Graph, isOp, type Model, type Node, node } from '../graph/model.js';
import { indexUses, type Uses } from '../graph/uses.js';
import type { LayerMatching, LayerPair } from './layer-pairs.js';
import { type FoundValue, QuantizedValues } from './quantized-values.js';

/** Operators with weights, by what they compute: in float, in integers, and as onnxruntime's own optimizer writes them. */
const kinds: Readonly<Record<string, string>> = {
  Conv: 'convolution',
  FusedConv: 'convolution',
  ConvInteger: 'convolution',
  QLinearConv: 'convolution',
  ConvTranspose: 'transposed convolution',
  QLinearConvTranspose: 'transposed convolution',
  Gemm: 'matrix product',
  FusedGemm: 'matrix product',
  QGemm: 'matrix product',
  MatMul: 'matrix product',
  FusedMatMul: 'matrix product',
  MatMulInteger: 'matrix product',
  MatMulIntegerToFloat: 'matrix product',
  DynamicQuantizeMatMul: 'matrix product',
  QLinearMatMul: 'matrix product',
  MatMulNBits: 'matrix product',
  MatMulBnb4: 'matrix product',
  LSTM: 'recurrence',
  DynamicQuantizeLSTM: 'recurrence',
  GRU: 'recurrence',
  RNN: 'recurrence',
  Attention: 'attention',
  QAttention: 'attention',
};

/** The operators of a graph that layers are compared at. */
export function computeNodes(graph: Graph): Node[] {
  return graph.nodes.filter(({ opType }) => kinds[opType] !== undefined);
}

/** A layer of the float graph, and the operator that it became. */
export interface MatchedLayer extends LayerPair {
  readonly quantizedNode: Node | undefined;
}

/** What was found of the layers of a model in another. */
export interface MatchedLayers {
  /** The quantized model, with a DQ added for each result that exists as codes. */
  readonly model: Model;
  readonly pairs: readonly MatchedLayer[];
}

/** A float value and what the quantized graph has of it. */
interface Match {
  readonly layer: Node;
  readonly floatValue: string;
  readonly found: FoundValue;
  readonly matchedBy: LayerMatching;
  readonly quantizedNode: Node | undefined;
}

/**
 * Find the result of each layer of a float graph in a quantized one that somebody else wrote.
 *
 * 1. By name. The layer's output and the values behind it (BatchNormalization, a constant Add, Relu, Clip) are looked up
 *    under the names that quantizers keep or make; one that was quantized comes before one that is still float.
 * 2. By order, where names say nothing: the operators with weights that are left, if both graphs have as many of the same
 *    kinds in the same order.
 *
 * An operator behind the layer that the quantized graph does not have was folded into it: the float side is then read
 * behind that operator. Quantizers drop a Relu where the range of the codes clamps, and fold a BatchNormalization.
 *
 * @returns layers that were found; the models given are left as they are
 */
export function matchLayers(float: Model, quantized: Model): MatchedLayers {
  const uses = indexUses(float.graph);
  const values = new QuantizedValues(quantized.graph);
  const layers = computeNodes(float.graph);
  const byName = layers.flatMap((layer) => matchByName(layer, uses, values, float.graph) ?? []);
  const named = new Set(byName.map(({ layer }) => layer));
  const taken = new Set(byName.map(({ quantizedNode }) => quantizedNode));
  const floatRest = layers.filter((layer) => !named.has(layer));
  const quantizedRest = computeNodes(quantized.graph).filter((each) => !taken.has(each));
  const isSameOrder =
    floatRest.length === quantizedRest.length &&
    floatRest.every(({ opType }, i) => kinds[opType] === kinds[quantizedRest[i]?.opType ?? '']);
  const byOrder = isSameOrder
    ? floatRest.flatMap(
        (layer, i) => matchByOrder(layer, quantizedRest[i] as Node, uses, values, float.graph) ?? [],
      )
    : [];
  const order = new Map(layers.map((layer, index) => [layer, index]));
  const matches = [...byName, ...byOrder].sort(
    (a, b) => (order.get(a.layer) ?? 0) - (order.get(b.layer) ?? 0),
  );
  return expose(quantized, matches);
}

function matchByName(layer: Node, uses: Uses, values: QuantizedValues, graph: Graph): Match | undefined {
  const candidates = chainOf(layer, uses, graph);
  const find = (form: (value: string) => FoundValue | undefined) => {
    for (const value of candidates) {
      const found = form(value);
      if (found) return { value, found };
    }
    return undefined;
  };
  const match = find((value) => values.quantizedFormOf(value)) ?? find((value) => values.floatFormOf(value));
  if (!match) return undefined;
  const { found } = match;
  const floatValue = behindFolded(match.value, found, uses, values, graph);
  return {
    layer,
    floatValue,
    found,
    matchedBy: 'name',
    quantizedNode: makerOf(found, values, kinds[layer.opType]),
  };
}

function matchByOrder(
  layer: Node,
  quantizedNode: Node,
  uses: Uses,
  values: QuantizedValues,
  graph: Graph,
): Match | undefined {
  const found = values.formOfResult(quantizedNode);
  const [value] = layer.outputs;
  if (!found || !value) return undefined;
  return {
    layer,
    floatValue: behindFolded(value, found, uses, values, graph),
    found,
    matchedBy: 'order',
    quantizedNode,
  };
}

/** The operator behind a value that quantizers fold into the layer before it; undefined where there is none. */
function foldable(value: string, uses: Uses, graph: Graph): Node | undefined {
  if (!uses.hasOneUse(value)) return undefined;
  const reader = uses.readers(value)[0]?.node;
  if (!reader) return undefined;
  const isBias = isOp(reader, 'Add') && reader.inputs.some((input) => graph.initializers.has(input));
  return isBias || isOp(reader, 'BatchNormalization', 'Relu', 'Clip') ? reader : undefined;
}

/** The output of a layer, and the values behind it that may stand for it. */
function chainOf(layer: Node, uses: Uses, graph: Graph): string[] {
  const chain: string[] = [];
  let value: string | undefined = layer.outputs[0];
  while (value) {
    chain.push(value);
    value = foldable(value, uses, graph)?.outputs[0];
  }
  return chain;
}

/** The float value that means what was found: behind every operator that the quantized graph does not have any more. */
function behindFolded(
  start: string,
  found: FoundValue,
  uses: Uses,
  values: QuantizedValues,
  graph: Graph,
): string {
  const readers = values.readersOf(found);
  let value = start;
  for (;;) {
    const next = foldable(value, uses, graph);
    const output = next?.outputs[0];
    if (!next || !output || values.has(output)) return value;
    // It is there under another name.
    if (readers.some(({ opType }) => opType === next.opType)) return value;
    value = output;
  }
}

/** Operators between the result of a layer and its codes. */
const passed = [
  'DequantizeLinear',
  'QuantizeLinear',
  'Clip',
  'Relu',
  'BatchNormalization',
  'Add',
  'Mul',
  'Cast',
];

/** The operator of a kind that makes a value, a few operators before it. */
function makerOf(
  { tensor }: FoundValue,
  values: QuantizedValues,
  kind: string | undefined,
): Node | undefined {
  let maker = values.uses.producer(tensor);
  while (maker && kinds[maker.opType] === undefined && passed.includes(maker.opType)) {
    const made = maker.inputs.map((input) => values.uses.producer(input)).find((each) => each !== undefined);
    maker = made;
  }
  return maker && kinds[maker.opType] === kind ? maker : undefined;
}

function expose(quantized: Model, matches: readonly Match[]): MatchedLayers {
  const names = new NameScope(quantized.graph);
  const nodes = [...quantized.graph.nodes];
  const pairs = matches.map(({ layer, floatValue, found, matchedBy, quantizedNode }): MatchedLayer => {
    const { tensor, codes } = found;
    const quantizedValue = codes ? names.fresh(`${tensor}_measured`) : tensor;
    if (codes)
      nodes.push({ ...node('DequantizeLinear', codes.inputs, [quantizedValue]), domain: codes.domain });
    return { id: layer.id, floatValue, quantizedValue, tensor, matchedBy, quantizedNode };
  });
  return { model: { ...quantized, graph: { ...quantized.graph, nodes } }, pairs };
}
