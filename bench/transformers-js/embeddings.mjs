// Embeddings of each file through transformers.js' own pipeline, against those of fp32.
//
//   npm install @huggingface/transformers     in a folder of its own, with a copy of this file
//   node embeddings.mjs FOLDER eval.txt q8 q4 …
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';

const [folder, text, ...dtypes] = process.argv.slice(2);
const suffixes = { fp32: '', q8: '_quantized' };
env.allowRemoteModels = false;
env.localModelPath = `${dirname(resolve(folder))}/`;
const lines = readFileSync(text, 'utf8').trim().split('\n');

/** A unit vector a line, and milliseconds for one. */
async function embed(dtype) {
  const extract = await pipeline('feature-extraction', basename(folder), { dtype });
  const vectors = [];
  const started = performance.now();
  for (const line of lines)
    vectors.push(Float32Array.from((await extract(line, { pooling: 'mean', normalize: true })).data));
  const each = (performance.now() - started) / lines.length;
  await extract.dispose();
  return { vectors, each };
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

const float = await embed('fp32');
console.log(`fp32      ${float.each.toFixed(1)} ms a line, ${lines.length} lines`);
for (const dtype of dtypes) {
  const file = join(folder, 'onnx', `model${suffixes[dtype] ?? `_${dtype}`}.onnx`);
  const { vectors, each } = await embed(dtype);
  const cosines = vectors.map((vector, i) => dot(vector, float.vectors[i]));
  const mean = cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
  const size = `${(statSync(file).size / 1e6).toFixed(1)} MB`;
  console.log(
    `${dtype.padEnd(9)} cosine ${mean.toFixed(4)}, least ${Math.min(...cosines).toFixed(4)}; ${each.toFixed(1)} ms a line; ${size}`,
  );
}
