import { constantNodesOf } from '../fold/constant-subgraphs.js';
import { tensorOfConstant } from '../graph/constant-node.js';
import { type Graph, isOp, type Model } from '../graph/model.js';
import { tensorOf } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import { withModel } from '../load/with-model.js';

/**
 * A model whose integers that are computed from constants are constants: weights that are packed, or looked up in a
 * codebook, and the shapes and places that operators are given.
 */
export async function withKnownConstants(given: Model): Promise<Model> {
  const model = withoutConstantNodes(given);
  const { graph } = model;
  const constant = constantNodesOf(graph);
  if (constant.size === 0) return model;
  const uses = indexUses(graph);
  const isRead = (value: string) =>
    uses.isOutput(value) ||
    uses.isCaptured(value) ||
    uses.readers(value).some(({ node }) => !constant.has(node));
  const wanted = [...constant].flatMap((node) => node.outputs.filter((output) => output && isRead(output)));
  const nodes = graph.nodes.filter((node) => constant.has(node));
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const inner: Graph = {
    nodes,
    initializers: new Map([...graph.initializers].filter(([name]) => read.has(name))),
    inputs: [],
    outputs: wanted.map((name) => ({ name, dataType: undefined, shape: undefined })),
    valueInfo: new Map(),
  };
  const found = await withModel(
    { ...model, graph: inner, metadata: new Map() },
    { mode: 'disabled', label: 'the constant part' },
    (session) => session.run({}, wanted),
  );
  const initializers = new Map(graph.initializers);
  for (const [name, array] of found) initializers.set(name, tensorOf(array));
  const rest = graph.nodes.filter(
    (node) => !constant.has(node) || node.outputs.some((name) => uses.isOutput(name)),
  );
  return { ...model, graph: { ...graph, nodes: rest, initializers } };
}

/** Constant nodes as initializers. */
function withoutConstantNodes(model: Model): Model {
  const initializers = new Map(model.graph.initializers);
  const nodes = model.graph.nodes.filter((node) => {
    const tensor = isOp(node, 'Constant') ? tensorOfConstant(node) : undefined;
    if (!tensor || !node.outputs[0]) return true;
    initializers.set(node.outputs[0], tensor);
    return false;
  });
  return { ...model, graph: { ...model.graph, nodes, initializers } };
}
