import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Graph, Model } from '../../src/graph/model.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { type SessionSettings, withSession } from '../../src/runtime/session.js';

/** All outputs of a model, or those named, in one run. */
export async function runModel(
  model: Model | Uint8Array,
  feed: Feed,
  mode: SessionSettings['mode'] = 'disabled',
  outputs?: readonly string[],
): Promise<Map<string, NdArray>> {
  const bytes = model instanceof Uint8Array ? model : encodeModel(model);
  return withSession(bytes, { mode, threads: 1 }, (session) => session.run(feed, outputs));
}

/** The graph that a default session makes of a model, as onnxruntime itself dumps it. */
export async function optimizedGraph(model: Model | Uint8Array): Promise<Graph> {
  const bytes = model instanceof Uint8Array ? model : encodeModel(model);
  const folder = await mkdtemp(join(tmpdir(), 'optimized-'));
  try {
    const dumpTo = join(folder, 'model.onnx');
    await withSession(bytes, { mode: 'default', threads: 1, dumpTo }, async () => {});
    return decodeModel(await readFile(dumpTo)).graph;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const short: Readonly<Record<string, string>> = { QuantizeLinear: 'Q', DequantizeLinear: 'DQ' };

/**
 * The operators of a graph in order, Q and DQ shortened. Transposes are left out unless asked for: the runtime puts its
 * own round NHWC kernels.
 */
export function opsOf(graph: Graph, { transposes = false } = {}): string {
  return graph.nodes
    .map(({ opType }) => short[opType] ?? opType)
    .filter((opType) => transposes || opType !== 'Transpose')
    .join(' ');
}

/** Operators of the graph that a default session makes of a model. */
export async function optimizedOps(
  model: Model | Uint8Array,
  options?: { transposes?: boolean },
): Promise<string> {
  return opsOf(await optimizedGraph(model), options);
}
