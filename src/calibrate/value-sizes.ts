import type { Model } from '../graph/model.js';
import { measureShapes } from '../load/measure-shapes.js';
import { elementCount, type Feed } from '../numerics/nd-array.js';
import type { Session, SessionSettings } from '../runtime/session.js';

/** Activations that are observed are float32. */
const ELEMENT_BYTES = 4;

/**
 * What each value takes in a run of this feed, in bytes: from the shapes that the runtime infers, and where those do not
 * tell, from a run that gives shapes instead of values.
 *
 * @param exposed - a session of the model whose outputs the values are
 */
export async function valueSizes(
  model: Model,
  exposed: Session,
  { feed, values, settings }: { feed: Feed; values: readonly string[]; settings: SessionSettings },
): Promise<Map<string, number>> {
  const known = inferredSizes(exposed, feed, values);
  const unknown = values.filter((value) => !known.has(value));
  const measured = await measureShapes(model, unknown, feed, settings);
  const sizeOf = (value: string) =>
    known.get(value) ?? ELEMENT_BYTES * elementCount(measured.get(value) ?? []);
  return new Map(values.map((value) => [value, sizeOf(value)]));
}

function inferredSizes(
  { inputShapes, outputShapes }: Session,
  feed: Feed,
  values: readonly string[],
): Map<string, number> {
  const dimensions = new Map<string, number>();
  for (const [name, shape] of inputShapes) {
    shape.forEach((dim, axis) => {
      const length = feed[name]?.dims[axis];
      if (typeof dim === 'string' && dim && length !== undefined) dimensions.set(dim, length);
    });
  }
  const sizes = new Map<string, number>();
  for (const value of values) {
    const dims = outputShapes
      .get(value)
      ?.map((dim) => (typeof dim === 'number' ? dim : dimensions.get(dim)))
      .filter((dim) => dim !== undefined);
    if (dims && dims.length === outputShapes.get(value)?.length)
      sizes.set(value, ELEMENT_BYTES * elementCount(dims));
  }
  return sizes;
}
