import type { Graph, Model } from './model.js';

/** The model with inner values as outputs too; the runtime finds their types itself. */
export function exposing(model: Model, values: readonly string[]): Model {
  const outputs = new Set(model.graph.outputs.map((output) => output.name));
  const added = [...new Set(values)].filter((value) => !outputs.has(value));
  const graph: Graph = {
    ...model.graph,
    outputs: [
      ...model.graph.outputs,
      ...added.map((name) => ({ name, dataType: undefined, shape: undefined })),
    ],
  };
  return { ...model, graph };
}
