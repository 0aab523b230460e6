// node run-model.mjs INPUT DIMS MODEL…: runs each model on each row of a raw float32 file, and writes what its first
// output holds to MODEL.out. A script of its own, so that an emulator can run it.
import { readFileSync, writeFileSync } from 'node:fs';

process.env.ORT_DISABLE_TELEMETRY = '1';
const { InferenceSession, Tensor } = (await import('onnxruntime-node')).default;

const [input, dimsText, ...models] = process.argv.slice(2);
const [rows, ...dims] = dimsText.split('x').map(Number);
const bytes = readFileSync(input);
const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const size = data.length / rows;
for (const model of models) {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const made = [];
  for (let row = 0; row < rows; row++) {
    const feed = new Tensor('float32', data.slice(row * size, (row + 1) * size), [1, ...dims]);
    const outputs = await session.run({ [session.inputNames[0]]: feed });
    made.push(...outputs[session.outputNames[0]].data);
  }
  writeFileSync(`${model}.out`, Float32Array.from(made));
}
