import type { SampleSource } from '../../../calibration/source.js';
import { firstBatch } from '../../calibrate/samples.js';
import { THREADS } from '../../calibrate/session-threads.js';
import type { Model } from '../../graph/model.js';
import { measureShapes } from '../../load/measure-shapes.js';
import { allocate, elementCount, type NdArray } from '../../numerics/nd-array.js';

/**
 * The axis along which a value of several samples grows; undefined where it has none.
 *
 * @param value - a value of the float model
 * @param dims - its shape, or that of its quantized twin, of so many samples
 */
export type SampleAxis = (value: string, dims: readonly number[], samples: number) => number | undefined;

/**
 * Find out where values have their samples, by their shapes in a run of the first ones: inside a recurrent network it is
 * often the second axis, behind that of time. An axis of nothing but samples may be any, one that holds several rows of
 * each, as heads of an attention, has to be the first.
 */
export async function sampleAxisOf(
  model: Model,
  source: SampleSource,
  values: Iterable<string>,
): Promise<SampleAxis> {
  const { graph } = model;
  const made = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const { feed, samples: measured } = await firstBatch(source);
  const settings = { mode: 'basic', threads: THREADS, label: 'the float model' } as const;
  const wanted = [...new Set(values)].filter((value) => made.has(value));
  const shapes = await measureShapes(model, wanted, feed, settings);
  return (value, dims, samples) => {
    const before = shapes.get(value);
    const times = samples / measured;
    // What is not run in larger numbers shows nothing: each run is one of samples along the first axis.
    if (!before || times === 1) return dims.length > 0 && (dims[0] ?? 0) % samples === 0 ? 0 : undefined;
    const changed = dims.flatMap((dim, axis) => (dim === before[axis] ? [] : [axis]));
    const [axis = -1] = changed;
    const grows = changed.length === 1 && dims[axis] === times * (before[axis] ?? 0);
    return grows && (axis === 0 || before[axis] === 1) ? axis : undefined;
  };
}

/** An array with one axis at another place, the order of the others kept. */
export function withAxisAt({ type, dims, data }: NdArray, from: number, to: number): NdArray {
  if (from === to) return { type, dims, data };
  const order = orderOf(dims.length, from, to);
  const strides = dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
  const next = order.map((axis) => dims[axis] as number);
  const steps = order.map((axis) => strides[axis] as number);
  const moved = allocate(type, data.length);
  const at = new Array<number>(next.length).fill(0);
  let source = 0;
  for (let target = 0; target < data.length; target++) {
    moved[target] = data[source] as never;
    for (let axis = next.length - 1; axis >= 0; axis--) {
      source += steps[axis] as number;
      at[axis] = (at[axis] as number) + 1;
      if ((at[axis] as number) < (next[axis] as number)) break;
      source -= (next[axis] as number) * (steps[axis] as number);
      at[axis] = 0;
    }
  }
  return { type, dims: next, data: moved };
}

/** For each axis of the result, which one of the source it is: `perm` of a Transpose that moves one axis. */
export function orderOf(rank: number, from: number, to: number): number[] {
  const order = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== from);
  order.splice(to, 0, from);
  return order;
}
