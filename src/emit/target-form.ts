import { clampBounds } from '../graph/clamp-bounds.js';
import { addInitializer, NameScope } from '../graph/edit.js';
import { RUNTIME_DOMAIN } from '../graph/integer-forms.js';
import { type Graph, inputAt, isOp, type Model, type Node, node, opsetOf } from '../graph/model.js';
import { isQuantizing, QdqGraph } from '../graph/qdq-graph.js';
import { arrayOf, floatTensor, integersOf, type Tensor, tensorOf } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import type { TargetForm } from '../place/targets/target.js';
import { RUNTIME_DOMAIN_VERSION } from './block-writer.js';
import type { EmittedModel } from './emit-model.js';

/** A written model as a target takes it; what the form leaves open stays as it is. */
export function inTargetForm(emitted: EmittedModel, form: TargetForm): EmittedModel {
  const { model, codes } = emitted;
  const { graph } = model;
  const copy = {
    ...graph,
    nodes: [...graph.nodes],
    initializers: new Map(graph.initializers),
    valueInfo: new Map(graph.valueInfo),
  };
  const written: Model = { ...model, opsets: new Map(model.opsets), graph: copy };
  const isWide = hasWideCodes(copy);
  // What moves values has no kernels for uint16.
  if (form.moves === 'pairs' || isWide) copy.nodes = pairedNodes(written);
  if (isWide && opsetOf(model) < WIDE_OPSET) {
    copy.nodes = copy.nodes.map((each) =>
      isOfWideCodes(copy, each) ? { ...each, domain: RUNTIME_DOMAIN } : each,
    );
    written.opsets.set(RUNTIME_DOMAIN, RUNTIME_DOMAIN_VERSION);
  }
  if (form.biases === 'float') copy.nodes = withFloatBiases(written);
  const renamed = form.activations === 'symmetric-int8' ? signCodes(written) : new Map<string, string>();
  const named = (name: string) => renamed.get(name) ?? name;
  return { model: written, codes: new Map([...codes].map(([value, names]) => [value, names.map(named)])) };
}

/** The operator set from which on ONNX's own Q and DQ take uint16; onnxruntime's own do in every one. */
const WIDE_OPSET = 21;

/** Whether a node is the Q or the DQ of uint16 codes. */
const isOfWideCodes = ({ initializers }: Graph, each: Node): boolean =>
  isQuantizing(each) && initializers.get(inputAt(each, 2) ?? '')?.dataType === 'uint16';

const hasWideCodes = (graph: Graph): boolean => graph.nodes.some((each) => isOfWideCodes(graph, each));

/** Q → Clip of codes as a clamp in front of the Q, and whatever else works on codes between a DQ and a Q of its own. */
function pairedNodes({ graph }: Model): Node[] {
  const qdq = new QdqGraph(graph);
  const names = new NameScope(graph);
  const parameters = new Map<string, readonly string[]>();
  const clipped = new Map<Node, Node>();
  for (const each of graph.nodes) {
    if (!isQuantizing(each, 'QuantizeLinear')) continue;
    const [codes = ''] = each.outputs;
    const clip = qdq.uses.onlyReader(codes);
    if (clip && isOp(clip, 'Clip')) clipped.set(each, clip);
  }
  const clips = new Set(clipped.values());
  return graph.nodes.flatMap((each): Node[] => {
    const [read = ''] = each.inputs;
    const clip = clipped.get(each);
    if (isQuantizing(each, 'QuantizeLinear')) {
      const codes = (clip ?? each).outputs[0] ?? '';
      parameters.set(codes, each.inputs.slice(1));
      return clip ? clampedFirst(graph, qdq, each, clip, names) : [each];
    }
    const grid = parameters.get(read);
    if (clips.has(each)) return [];
    if (!grid || isQuantizing(each) || isOp(each, 'Shape')) return [each];
    return pairAround(graph, qdq, each, grid, names, parameters);
  });
}

/** Float → clamp → Q. */
function clampedFirst(
  graph: Model['graph'],
  qdq: QdqGraph,
  quantize: Node,
  clip: Node,
  names: NameScope,
): Node[] {
  const grid = qdq.gridOf(quantize);
  const [scale = 1] = grid?.scales ?? [];
  const [zeroPoint = 0] = grid?.zeroPoints ?? [];
  const { low, high } = clampBounds(graph, clip);
  const [value = '', ...rest] = quantize.inputs;
  const output = names.fresh(`${value}_clamped`);
  const bound = (code: number) => {
    const real = Math.fround((code - zeroPoint) * scale);
    return addInitializer(graph, `${output}_bound`, floatTensor('float32', [], [real]));
  };
  const hasTop = high < 255;
  const clamp =
    low === zeroPoint && !hasTop
      ? node('Relu', [value], [output])
      : node('Clip', [value, low > 0 ? bound(low) : '', ...(hasTop ? [bound(high)] : [])], [output]);
  return [clamp, { ...quantize, inputs: [output, ...rest], outputs: [...clip.outputs] }];
}

/** DQ → operator → Q, in the place of the operator on codes. */
function pairAround(
  graph: Model['graph'],
  qdq: QdqGraph,
  moving: Node,
  grid: readonly string[],
  names: NameScope,
  parameters: Map<string, readonly string[]>,
): Node[] {
  const [codes = '', ...others] = moving.inputs;
  const read = names.fresh(`${codes}_float`);
  // What stands for a real among codes: what a Pad adds, and the bounds of a Clip.
  for (const at of isOp(moving, 'Pad') ? [2] : isOp(moving, 'Clip') ? [1, 2] : []) {
    if (!inputAt(moving, at)) continue;
    const zeroPoint = graph.initializers.get(grid[1] ?? '');
    const value = graph.initializers.get(inputAt(moving, at) ?? '');
    const scale = graph.initializers.get(grid[0] ?? '');
    const code = (tensor: Tensor | undefined) => (tensor ? (integersOf(tensor)[0] ?? 0) : 0);
    const step = scale ? Number(arrayOf(scale).data[0]) : 1;
    const real = Math.fround((code(value) - code(zeroPoint)) * step);
    others[at - 1] = addInitializer(graph, `${codes}_real`, floatTensor('float32', [], [real]));
  }
  const results = moving.outputs.map((output) => output && names.fresh(`${output}_float`));
  const quantized = moving.outputs.flatMap((output, i): Node[] => {
    if (!output || qdq.uses.isUnused(output)) return [];
    parameters.set(output, grid);
    return [node('QuantizeLinear', [results[i] ?? '', ...grid], [output])];
  });
  return [
    node('DequantizeLinear', [codes, ...grid], [read]),
    { ...moving, inputs: [read, ...others], outputs: results },
    ...quantized,
  ];
}

/** Biases as floats: the values that their integers stand for. */
function withFloatBiases({ graph }: Model): Node[] {
  const qdq = new QdqGraph(graph);
  return graph.nodes.filter((each) => {
    const read = isQuantizing(each, 'DequantizeLinear') ? qdq.read(each.outputs[0]) : undefined;
    if (read?.tensor?.dataType !== 'int32') return true;
    const { tensor, grid } = read;
    const reals = integersOf(tensor).map(
      (code, c) => code * (grid.scales[grid.scales.length === 1 ? 0 : c] ?? 0),
    );
    graph.initializers.set(each.outputs[0] ?? '', floatTensor('float32', tensor.dims, reals));
    return false;
  });
}

/** uint8 codes as int8, less 128: zero points and constant codes. Gives the new names of those that were renamed. */
function signCodes({ graph }: Model): Map<string, string> {
  const renamed = new Map<string, string>();
  const uses = indexUses(graph);
  for (const [name, tensor] of [...graph.initializers]) {
    const isCodes = uses
      .readers(name)
      .some(({ node: reader, index }) => isQuantizing(reader) && (index === 2 || index === 0));
    if (tensor.dataType !== 'uint8' || !isCodes) continue;
    const data = Int8Array.from(integersOf(tensor), (code) => code - 128);
    const signed = addInitializer(
      graph,
      `${name}_signed`,
      tensorOf({ type: 'int8', dims: tensor.dims, data }),
    );
    renamed.set(name, signed);
    graph.initializers.delete(name);
  }
  graph.nodes = graph.nodes.map((each) =>
    each.inputs.some((name) => renamed.has(name))
      ? { ...each, inputs: each.inputs.map((name) => renamed.get(name) ?? name) }
      : each,
  );
  for (const [name, { dataType }] of [...graph.valueInfo])
    if (dataType === 'uint8') graph.valueInfo.delete(name);
  return renamed;
}
