import type { ValueShape } from '../derive/reverse.js';
import { isArrayType } from '../graph/data-type.js';
import { exposing } from '../graph/expose.js';
import type { Model } from '../graph/model.js';
import type { Feed } from '../numerics/nd-array.js';
import { encodeModel } from '../proto/encode.js';
import { withSession } from '../runtime/session.js';

/** Type and shape of every value of a model while it runs on a feed: measured, by one run. */
export async function shapesIn(model: Model, feed: Feed): Promise<Map<string, ValueShape>> {
  const { graph } = model;
  const values = graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''));
  const shapes = new Map<string, ValueShape>();
  for (const [name, { dataType, dims }] of graph.initializers) shapes.set(name, { dataType, dims });
  for (const [name, { type, dims }] of Object.entries(feed)) shapes.set(name, { dataType: type, dims });
  const outputs = await withSession(
    encodeModel(exposing(model, values)),
    { mode: 'disabled', threads: 1 },
    (session) => session.run(feed),
  );
  for (const [name, { type, dims }] of outputs) {
    if (isArrayType(type)) shapes.set(name, { dataType: type, dims: [...dims] });
  }
  return shapes;
}
