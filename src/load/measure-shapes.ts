import { NameScope } from '../graph/edit.js';
import { exposing } from '../graph/expose.js';
import { type Model, node } from '../graph/model.js';
import type { Feed } from '../numerics/nd-array.js';
import type { SessionSettings } from '../runtime/session.js';
import { withModel } from './with-model.js';

/** The shapes of some values in a run of this feed: from a run that gives shapes instead of values. */
export async function measureShapes(
  model: Model,
  values: readonly string[],
  feed: Feed,
  settings: SessionSettings,
): Promise<Map<string, readonly number[]>> {
  if (values.length === 0) return new Map();
  const { graph } = exposing(model, values);
  const names = new NameScope(graph);
  const shapes = values.map((value) => node('Shape', [value], [names.fresh(`${value}_shape`)]));
  const outputs = shapes.flatMap((made) => made.outputs);
  const measuring: Model = {
    ...model,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...shapes],
      outputs: outputs.map((name) => ({ name, dataType: undefined, shape: undefined })),
    },
  };
  const found = await withModel(measuring, settings, (session) => session.run(feed, outputs));
  return new Map(
    values.map((value, i) => [value, Array.from(found.get(outputs[i] ?? '')?.data ?? [], Number)]),
  );
}
