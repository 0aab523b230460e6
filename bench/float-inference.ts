import { openSamples } from '../calibration/readers/readers.js';
import { sourceOf } from '../calibration/sample-set.js';
import { parsePreprocess } from '../src/cli/parse.js';
import { Session } from '../src/runtime/session.js';

/**
 * Bare float inference of all samples, one a run, as a user's own program does it: the floor of every calibration.
 *
 *     node dist/bench/float-inference.js MODEL.onnx IMAGES.npy [THREADS]
 */
async function main(model: string, images: string, threads: number): Promise<void> {
  const session = await Session.create(model, { mode: 'default', threads, spins: true });
  const inputs = [...session.inputShapes].map(([name, shape]) => ({ name, type: 'float32', shape }));
  const preprocess = parsePreprocess({ preprocess: 'imagenet' });
  const set = await openSamples({ path: images, inputs, preprocess });
  const source = sourceOf(set, { samples: undefined, seed: 0, batchSize: 1 });
  for await (const { feed } of source.open()) await session.run(feed);
  await session.release();
}

const [model, images, threads = '2'] = process.argv.slice(2);
if (!model || !images) throw new Error('usage: float-inference.js MODEL.onnx IMAGES.npy [THREADS]');
await main(model, images, Number(threads));
