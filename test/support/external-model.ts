import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Model } from '../../src/graph/model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { GraphBuilder, randomFloats } from './graph-builder.js';
import { temporaryFolder } from './temporary-folder.js';

/** The entries of TensorProto.external_data. */
export type Entries = Readonly<Record<string, string | number>>;

/** x [1, 4] → MatMul w1 → Add b1 → Relu → MatMul w2 → Add b2 → y [1, 3]. */
export function twoLayers(): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 4]);
  g.constant('w1', [4, 8], randomFloats(32, 1));
  g.constant('b1', [8], randomFloats(8, 2));
  g.constant('w2', [8, 3], randomFloats(24, 3));
  g.constant('b2', [3], randomFloats(3, 4));
  g.node('Add', [g.node('MatMul', ['x', 'w1'], 'p1'), 'b1'], 'h');
  g.node('Add', [g.node('MatMul', [g.node('Relu', ['h'], 'r'), 'w2'], 'p2'), 'b2'], 'y');
  g.output('y', [1, 3]);
  return g.build();
}

/** The little-endian bytes of an initializer. */
export function rawBytes(model: Model, name: string): Uint8Array {
  const storage = model.graph.initializers.get(name)?.storage;
  if (storage?.kind !== 'raw') throw new Error(`"${name}" has no raw bytes`);
  return storage.bytes;
}

/** Bytes of a .onnx file in which the initializers named stand elsewhere. */
export function externalBytes(model: Model, tensors: Readonly<Record<string, Entries>>): Uint8Array {
  const initializers = new Map(model.graph.initializers);
  for (const [name, entries] of Object.entries(tensors)) {
    const tensor = initializers.get(name);
    if (!tensor) throw new Error(`there is no "${name}"`);
    const external_data = Object.entries(entries).map(([key, value]) => ({ key, value: String(value) }));
    const carried = { data_location: 1, external_data };
    const storage = { kind: 'external', location: String(entries.location) } as const;
    initializers.set(name, { ...tensor, storage, carried });
  }
  return encodeModel({ ...model, graph: { ...model.graph, initializers } });
}

/** A new folder with these files in it; gives the path of model.onnx. */
export function modelFolder(files: Readonly<Record<string, Uint8Array>>): string {
  const folder = temporaryFolder();
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return join(folder, 'model.onnx');
}
