import { ownNames } from './bodies.js';
import { NameScope } from './edit.js';
import { ExposedBodies } from './expose-bodies.js';
import { type Graph, type Model, node, opsetOf, subgraphsOf } from './model.js';

/**
 * The model with inner values as outputs too; the runtime finds their types itself. Of values of bodies the whole node gives what
 * was in them: of a branch that was not taken nothing, of a Loop or a Scan that of all steps, in a row.
 */
export function exposing(model: Model, values: readonly string[]): Model {
  const inner = innerValues(model.graph, values);
  const base = inner.size > 0 ? new ExposedBodies(model.graph, inner).graph : model.graph;
  const outputs = new Set(base.outputs.map((output) => output.name));
  const added = [...new Set(values)].filter((value) => !outputs.has(value));
  const graph: Graph = {
    ...base,
    outputs: [...base.outputs, ...added.map((name) => ({ name, dataType: undefined, shape: undefined }))],
  };
  // Before IR 4 a constant must be an input, too.
  return { ...model, irVersion: inner.size > 0 ? Math.max(model.irVersion, 4) : model.irVersion, graph };
}

/** Operator set from which there are sequences. */
const SEQUENCES = 11;

/**
 * The model with one output more, before all others, which is no tensor: an empty sequence. It tells the runtime's binding to
 * hand nothing out, so that results can be had where they are written alone. As it is where its operators know no sequences.
 */
export function withSequenceFirst(model: Model): Model {
  if (opsetOf(model) < SEQUENCES) return model;
  const name = new NameScope(model.graph).fresh('nothing');
  const graph: Graph = {
    ...model.graph,
    nodes: [...model.graph.nodes, node('SequenceEmpty', [], [name])],
    outputs: [{ name, dataType: undefined, shape: undefined }, ...model.graph.outputs],
  };
  return { ...model, graph };
}

/** Those of some values that bodies make, or are fed. */
function innerValues(graph: Graph, values: readonly string[]): Set<string> {
  if (!graph.nodes.some((node) => subgraphsOf(node).length > 0)) return new Set();
  const own = ownNames(graph);
  return new Set(values.filter((value) => !own.has(value)));
}
