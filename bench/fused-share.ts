import { readFileSync, rmSync } from 'node:fs';
import { firstFeed, openAll } from '../src/calibrate/samples.js';
import { exposing } from '../src/graph/expose.js';
import { inputAt, type Model, type Node } from '../src/graph/model.js';
import { elementCount } from '../src/numerics/nd-array.js';
import { decodeModel } from '../src/proto/decode.js';
import { encodeModel } from '../src/proto/encode.js';
import { withSession } from '../src/runtime/session.js';

/** The shape of a value, or of a constant. */
type ShapeOf = (name: string | undefined) => readonly number[];

/** How the multiply-accumulates of an operator follow from shapes. */
interface Kernel {
  readonly integer: boolean;
  /** Index of the input that is the weight, or the second factor. */
  readonly weight: number;
  readonly count: (node: Node, weight: readonly number[], shapeOf: ShapeOf) => number;
}

const outputElements = (node: Node, shapeOf: ShapeOf): number => elementCount(shapeOf(node.outputs[0]));

/** Every output element sums over one filter. */
const convolution: Kernel['count'] = (node, weight, shapeOf) =>
  outputElements(node, shapeOf) * elementCount(weight.slice(1));

/** Every input element meets one row of the weight, which is [C_in, C_out / groups, …]. */
const transposed: Kernel['count'] = (node, weight, shapeOf) =>
  elementCount(shapeOf(node.inputs[0])) * elementCount(weight.slice(1));

/** Every output element sums over the last axis of the first factor. */
const product: Kernel['count'] = (node, _weight, shapeOf) =>
  outputElements(node, shapeOf) * (shapeOf(node.inputs[0]).at(-1) ?? 1);

/** Both weights of every direction at every step of every sequence; the input is [steps, batch, features]. */
const recurrent: Kernel['count'] = (node, weight, shapeOf) =>
  elementCount(shapeOf(node.inputs[0]).slice(0, 2)) *
  (elementCount(weight) + elementCount(shapeOf(node.inputs[2])));

const kernels: Readonly<Record<string, Kernel>> = {
  Conv: { integer: false, weight: 1, count: convolution },
  FusedConv: { integer: false, weight: 1, count: convolution },
  QLinearConv: { integer: true, weight: 3, count: convolution },
  ConvInteger: { integer: true, weight: 1, count: convolution },
  ConvTranspose: { integer: false, weight: 1, count: transposed },
  Gemm: { integer: false, weight: 1, count: product },
  FusedGemm: { integer: false, weight: 1, count: product },
  QGemm: { integer: true, weight: 3, count: product },
  MatMul: { integer: false, weight: 1, count: product },
  FusedMatMul: { integer: false, weight: 1, count: product },
  QLinearMatMul: { integer: true, weight: 3, count: product },
  MatMulInteger: { integer: true, weight: 1, count: product },
  MatMulIntegerToFloat: { integer: true, weight: 1, count: product },
  DynamicQuantizeMatMul: { integer: true, weight: 1, count: product },
  LSTM: { integer: false, weight: 1, count: recurrent },
  GRU: { integer: false, weight: 1, count: recurrent },
  RNN: { integer: false, weight: 1, count: recurrent },
};

const kernelOf = ({ opType }: Node): Kernel | undefined =>
  Object.hasOwn(kernels, opType) ? kernels[opType] : undefined;

/**
 * The share of the multiply-accumulates that onnxruntime runs on integer kernels: those of the graph that it makes of
 * the file, counted with the shapes of a run on the first samples.
 *
 * @param dumpTo - a path for that graph, removed at the end
 */
export async function fusedShare(path: string, samples: string, dumpTo: string): Promise<number> {
  await withSession(path, { mode: 'default', threads: 1, dumpTo }, async () => {});
  const model = decodeModel(readFileSync(dumpTo));
  rmSync(dumpTo);
  const shapeOf = await runShapes(model, samples);
  const macs = { integer: 0, all: 0 };
  for (const node of model.graph.nodes) {
    const kernel = kernelOf(node);
    if (!kernel) continue;
    const count = kernel.count(node, shapeOf(inputAt(node, kernel.weight)), shapeOf);
    macs.all += count;
    if (kernel.integer) macs.integer += count;
  }
  return macs.integer / macs.all;
}

/** The optimized graph states no shapes: run it as it stands, with what the kernels read and write exposed. */
async function runShapes(model: Model, samples: string): Promise<ShapeOf> {
  const { nodes, initializers } = model.graph;
  const feed = await firstFeed((await openAll(model, { data: samples })).evaluation);
  const values = nodes
    .filter(kernelOf)
    .flatMap((node) => [...node.inputs, ...node.outputs].filter((name) => name !== ''))
    .filter((name) => !initializers.has(name) && !(name in feed));
  const bytes = encodeModel(exposing(model, values));
  const results = await withSession(bytes, { mode: 'disabled', threads: 1 }, (session) => session.run(feed));
  return (name = '') => {
    const found = initializers.get(name) ?? feed[name] ?? results.get(name);
    if (!found) throw new Error(`no shape of "${name}"`);
    return found.dims;
  };
}
