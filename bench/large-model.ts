import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attribute, type Model, node } from '../src/graph/model.js';
import type { Tensor } from '../src/graph/tensor.js';
import { encodeModel } from '../src/proto/encode.js';
import { measureProcess } from './measure-process.js';

/**
 * The memory and the time that a model above 2 GB takes, weights alone at 8 and 4 bits, beside a bare session of
 * onnxruntime that runs each file once.
 *
 *     npm run bench:large -- [LAYERS] [WIDTH]
 *
 * LAYERS (12) MatMuls of WIDTH × WIDTH (8192) float32 weights, in a temporary folder that is removed at the end.
 */
async function main(layers = '12', width = '8192'): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quantize-large-'));
  try {
    const model = join(folder, 'float.onnx');
    writeModel(model, Number(layers), Number(width));
    const tensorBytes = 4 * Number(width) ** 2;
    console.log(
      `${layers} tensors of ${mebibytes(tensorBytes)} MiB, ${mebibytes(sizeOf(folder, 'float'))} MiB in all`,
    );
    console.log('\n| | seconds | peak MiB | output MiB |\n|---|---|---|---|');
    await row('onnxruntime alone, float', [...bareSession, model], '');
    const bin = fileURLToPath(new URL('../../bin/quantize', import.meta.url));
    for (const bits of ['8', '4']) {
      const output = join(folder, `w${bits}.onnx`);
      const size = () => mebibytes(sizeOf(folder, `w${bits}`));
      await row(`quantize --bits ${bits}`, [bin, model, '--bits', bits, '-o', output], size);
      await row(`onnxruntime alone, ${bits} bits`, [...bareSession, output], '');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A program that loads a model into the runtime and runs it once, as its users do. */
const bareSession = [
  '--input-type=module',
  '--eval',
  `import * as ort from ${JSON.stringify(import.meta.resolve('onnxruntime-node'))};
const session = await ort.InferenceSession.create(process.argv[1], { executionProviders: ['cpu'] });
const [, width] = session.inputMetadata[0].shape;
await session.run({ x: new ort.Tensor('float32', new Float32Array(width), [1, width]) });`,
];

async function row(name: string, args: readonly string[], size: string | (() => string)): Promise<void> {
  const { seconds, peakBytes } = await measureProcess(process.execPath, args);
  const written = typeof size === 'string' ? size : size();
  console.log(`| ${name} | ${seconds.toFixed(1)} | ${mebibytes(peakBytes)} | ${written} |`);
}

/** x [1, width] → (MatMul → LeakyRelu) × layers → y; the weights in a file beside the model, each at a page's beginning. */
function writeModel(path: string, layers: number, width: number): void {
  const length = 4 * width * width;
  const places = new Map<Tensor, { location: string; offset: number; length: number }>();
  const initializers = new Map<string, Tensor>();
  const nodes = [];
  const data = openSync(`${path}.data`, 'wx');
  for (let i = 0; i < layers; i++) {
    const tensor: Tensor = {
      dataType: 'float32',
      dims: [width, width],
      storage: { kind: 'raw', bytes: new Uint8Array() },
    };
    places.set(tensor, { location: 'float.onnx.data', offset: i * length, length });
    initializers.set(`w${i}`, tensor);
    const output = i === layers - 1 ? 'y' : `h${i}`;
    nodes.push(node('MatMul', [i === 0 ? 'x' : `h${i - 1}`, `w${i}`], [`p${i}`]));
    nodes.push(node('LeakyRelu', [`p${i}`], [output], { alpha: attribute.float(0.5) }));
    writeWeights(data, i + 1, width);
  }
  closeSync(data);
  const value = (name: string) => ({ name, dataType: 'float32' as const, shape: [1, width] });
  const graph = { nodes, initializers, inputs: [value('x')], outputs: [value('y')], valueInfo: new Map() };
  const model: Model = {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    graph,
    metadata: new Map(),
    batchNorms: new Map(),
  };
  writeFileSync(
    path,
    encodeModel(model, (tensor) => places.get(tensor)),
  );
}

/** Uniform weights of variance 1/width, so that activations keep their size; row by row, from a xorshift generator. */
function writeWeights(file: number, seed: number, width: number): void {
  const row = new Float32Array(width);
  const scale = Math.sqrt(3 / width) / 2 ** 31;
  let state = seed;
  for (let r = 0; r < width; r++) {
    for (let c = 0; c < width; c++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      row[c] = state * scale;
    }
    writeSync(file, row);
  }
}

/** Size of the files of a model. */
function sizeOf(folder: string, name: string): number {
  return readdirSync(folder)
    .filter((file) => file.startsWith(`${name}.onnx`))
    .reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

const [layers, width] = process.argv.slice(2);
await main(layers, width);
