import type { Model } from '../graph/model.js';
import { encodeModel } from './encode.js';

/** A model with its large constants beside it: what a session is made of without another copy of them. */
export interface ModelParts {
  /** A .onnx file that says of each large constant in which file it stands. */
  readonly bytes: Uint8Array;
  /** Those files by name, which exist in memory alone; views of the model's own bytes. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Constants below this stay inside: shapes and axes are read while a model is loaded, and must be there. */
const LARGE_BYTES = 2 ** 16;

/** Encode all of a model but its large constants. */
export function encodeApart(model: Model): ModelParts {
  const files = new Map<string, Uint8Array>();
  // The runtime does not look for those of the bodies of If, Loop and Scan.
  const own = new Set(model.graph.initializers.values());
  const bytes = encodeModel(model, (tensor) => {
    const { storage } = tensor;
    if (!own.has(tensor) || storage.kind !== 'raw' || storage.bytes.byteLength < LARGE_BYTES)
      return undefined;
    const location = `constant-${files.size}`;
    files.set(location, storage.bytes);
    return { location, offset: 0, length: storage.bytes.byteLength };
  });
  return { bytes, files };
}
