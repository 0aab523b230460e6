import type { ValueShape } from '../derive/reverse.js';
import { isArrayType } from '../graph/data-type.js';
import { exposing } from '../graph/expose.js';
import type { Model } from '../graph/model.js';
import { measureShapes } from '../load/measure-shapes.js';
import { withModel } from '../load/with-model.js';
import type { Feed } from '../numerics/nd-array.js';

/**
 * Type and shape of every value of a model while it runs on a feed. The runtime tells the types without a run; shapes are measured by
 * one, in which no value is kept: those of a whole network's gradient together take half a GiB and more.
 */
export async function shapesIn(model: Model, feed: Feed): Promise<Map<string, ValueShape>> {
  const { graph } = model;
  const values = graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''));
  const settings = { mode: 'disabled', threads: 1 } as const;
  const types = await withModel(exposing(model, values), settings, async ({ outputTypes }) => outputTypes);
  const shapes = new Map<string, ValueShape>();
  for (const [name, { dataType, dims }] of graph.initializers) shapes.set(name, { dataType, dims });
  for (const [name, { type, dims }] of Object.entries(feed)) shapes.set(name, { dataType: type, dims });
  const typed = values.filter((value) => isArrayType(types.get(value)));
  for (const [name, dims] of await measureShapes(model, typed, feed, settings)) {
    const dataType = types.get(name);
    if (dataType) shapes.set(name, { dataType, dims });
  }
  return shapes;
}
