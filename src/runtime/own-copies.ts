import type { Feed, NdArray } from '../numerics/nd-array.js';
import type { ModelInMemory } from './session.js';

/** What is given to a thread, and the buffers that it takes over. */
export interface Given<T> {
  readonly own: T;
  readonly buffers: ArrayBuffer[];
}

/** An array whose buffer may be given away: it may be a part of many. */
export function ownArray(array: NdArray): Given<NdArray> {
  const data = array.data instanceof Uint8Array ? bytesOf(array.data) : array.data.slice();
  return { own: { ...array, data }, buffers: [data.buffer as ArrayBuffer] };
}

/** The same for arrays by their names. */
export function ownFeed(feed: Feed): Given<Feed> {
  const arrays = Object.entries(feed).map(([name, array]) => ({ name, ...ownArray(array) }));
  return {
    own: Object.fromEntries(arrays.map(({ name, own }) => [name, own])),
    buffers: arrays.flatMap(({ buffers }) => buffers),
  };
}

/** The same for a model. */
export function ownModel(model: Uint8Array | ModelInMemory): Given<Uint8Array | ModelInMemory> {
  if (!('files' in model)) {
    const own = bytesOf(model);
    return { own, buffers: [own.buffer as ArrayBuffer] };
  }
  const bytes = bytesOf(model.bytes);
  const files = new Map([...model.files].map(([name, each]) => [name, bytesOf(each)]));
  const buffers = [bytes, ...files.values()].map(({ buffer }) => buffer as ArrayBuffer);
  return { own: { bytes, files }, buffers };
}

/** A copy; the `slice` of Node's own buffers is none. */
const bytesOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
