import { parentPort } from 'node:worker_threads';
import { schemes } from './schemes/schemes.js';
import { quantizeTask, type WeightTask } from './weight-task.js';

/** A thread that quantizes one part of a weight after another. What fails is left to who asked. */
if (!parentPort) throw new Error('no thread');
const port = parentPort;

port.on('message', (task: WeightTask) => {
  const tensor = quantizeTask(task, schemes);
  const arrays: ArrayBufferView[] = [tensor.scales];
  if (tensor.kind === 'codebook') arrays.push(tensor.indices, tensor.levels);
  else arrays.push(tensor.codes);
  if (tensor.kind === 'blocks' && tensor.zeroPoints) arrays.push(tensor.zeroPoints);
  port.postMessage(
    tensor,
    arrays.map(({ buffer }) => buffer as ArrayBuffer),
  );
});
