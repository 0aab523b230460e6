import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Graph, Model } from '../../src/graph/model.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { type SessionSettings, withSession } from '../../src/runtime/session.js';

const bytesOf = (model: Model | Uint8Array) => (model instanceof Uint8Array ? model : encodeModel(model));

/** All outputs of a model for one feed, in a session of the mode given. */
export async function runIn(
  mode: SessionSettings['mode'],
  model: Model | Uint8Array,
  feed: Feed,
): Promise<Map<string, NdArray>> {
  return withSession(bytesOf(model), { mode, threads: 1 }, (session) => session.run(feed));
}

/** The graph that a default session makes of a model, as onnxruntime itself dumps it. */
export async function optimizedGraph(model: Model | Uint8Array): Promise<Graph> {
  const folder = await mkdtemp(join(tmpdir(), 'onnx-quantize-'));
  try {
    const dumpTo = join(folder, 'model.onnx');
    await withSession(bytesOf(model), { mode: 'default', threads: 1, dumpTo }, async () => {});
    return decodeModel(await readFile(dumpTo)).graph;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const short: Readonly<Record<string, string>> = { QuantizeLinear: 'Q', DequantizeLinear: 'DQ' };

/**
 * The operators of a graph in order, Q and DQ shortened, Transposes left out: the runtime puts its own round NHWC
 * kernels.
 */
export function opsOf(graph: Graph): string {
  const ops = graph.nodes.map(({ opType }) => short[opType] ?? opType);
  return ops.filter((op) => op !== 'Transpose').join(' ');
}

/** Operators of the graph that a default session makes of a model. */
export async function optimizedOps(model: Model | Uint8Array): Promise<string> {
  return opsOf(await optimizedGraph(model));
}
