import { raiseModel } from '../convert/convert-model.js';
import { type Attribute, type Graph, type Model, type Node, opsetOf } from '../graph/model.js';
import type { Recipe } from '../recipe.js';
import type { EmittedModel } from './emit-model.js';

/** DequantizeLinear has blocks from this opset on, which is of this IR version. */
const BLOCK_OPSET = 21;
const BLOCK_IR = 10;

/**
 * A model in the opset that its format needs; itself where it has it.
 *
 * @param path - of the float model, for messages
 * @throws QuantizeError `operator-unconvertible` for an operator that this opset has no equal of
 */
export function raisedFor(model: Model, { format }: Pick<Recipe, 'format'>, path: string): Model {
  if (format !== 'qdq-blocks' || opsetOf(model) >= BLOCK_OPSET) return model;
  const raised: Model = {
    ...model,
    irVersion: Math.max(model.irVersion, BLOCK_IR),
    opsets: new Map(model.opsets),
    graph: copyOf(model.graph),
  };
  raiseModel(raised, path, BLOCK_OPSET);
  return raised;
}

/** The same for a written model. */
export const raised = (emitted: EmittedModel, recipe: Pick<Recipe, 'format'>): EmittedModel => ({
  ...emitted,
  model: raisedFor(emitted.model, recipe, ''),
});

/** A graph whose nodes and constants, those of its bodies too, can be changed without it. */
function copyOf(graph: Graph): Graph {
  return { ...graph, nodes: graph.nodes.map(copyOfNode), initializers: new Map(graph.initializers) };
}

function copyOfNode(node: Node): Node {
  const attributes = [...node.attributes].map(([name, found]): [string, Attribute] => {
    if (found.kind === 'graph') return [name, { ...found, value: copyOf(found.value) }];
    if (found.kind === 'graphs') return [name, { ...found, value: found.value.map(copyOf) }];
    return [name, found];
  });
  return { ...node, attributes: new Map(attributes) };
}
