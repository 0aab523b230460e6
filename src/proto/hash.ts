import { createHash } from 'node:crypto';
import type { Model } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import { encodeInitializer, encodeModel } from './encode.js';

/**
 * SHA-256 of a model: of the graph without its initializers, and of each of those after another. Never more than one
 * of them is encoded, and raw bytes are read where they stand.
 */
export function hashModel(model: Model): string {
  const hash = createHash('sha256');
  // Each part behind its length, so that no two models give the same bytes.
  const add = (bytes: Uint8Array) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.byteLength));
    hash.update(length).update(bytes);
  };
  add(encodeModel({ ...model, graph: { ...model.graph, initializers: new Map() } }));
  for (const [name, tensor] of model.graph.initializers) {
    const { storage } = tensor;
    if (storage.kind === 'raw') {
      add(encodeInitializer(name, emptied(tensor)));
      add(storage.bytes);
    } else {
      add(encodeInitializer(name, tensor));
    }
  }
  return hash.digest('hex');
}

const emptied = (tensor: Tensor): Tensor => ({
  ...tensor,
  storage: { kind: 'raw', bytes: new Uint8Array() },
});
