import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { QuantizedTensor } from '../src/quantize/quantized-tensor.js';
import type { Scheme, WeightRequest } from '../src/quantize/schemes/scheme.js';
import { schemes } from '../src/quantize/schemes/schemes.js';
import { WeightWorkers } from '../src/quantize/weight-workers.js';

/**
 * The time that weight schemes take, on one thread and on all cores, and that the codes are the same.
 *
 *     npm run bench:weights -- [COUNTS [SCHEMES [BITS]]]        1e6,1e7 mse,kmeans,log,wentropy 4
 *
 * Matrices of 1,536 outputs by 384 inputs, a scale and where there is one a codebook for each output, as in the layers of
 * a small transformer; normal weights with some outliers.
 */
const OUTPUTS = 1536;
const INPUTS = 384;

const [counts = '1e6,1e7', names = 'minmax,mse,kmeans,log,wentropy', bits = '4'] = process.argv.slice(2);
console.log(
  `| scheme, ${bits} bits | weights | one thread | CPU, ns a weight | ${availableParallelism()} threads | CPU, ns a weight | memory |`,
);
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const count of counts.split(',').map(Number)) {
  const weights = someWeights(count);
  for (const name of names.split(',')) {
    const scheme = schemes.find((entry) => entry.name === name) as Scheme;
    // Ten million show what one thread takes.
    const alone = count <= 1e7 ? await quantizeAll(scheme, weights, 1) : undefined;
    const spread = await quantizeAll(scheme, weights, availableParallelism());
    if (alone && alone.hash !== spread.hash) throw new Error(`${name}: threads change the codes`);
    const cells = [
      name,
      count.toExponential(0),
      alone ? `${(alone.ms / 1000).toFixed(1)} s` : '',
      alone ? (alone.cpuNs / count).toFixed(0) : '',
      `${(spread.ms / 1000).toFixed(1)} s`,
      (spread.cpuNs / count).toFixed(0),
      `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

/** Matrices of so many weights in all; the last one has fewer outputs. */
function someWeights(count: number): WeightRequest[] {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  const requests: WeightRequest[] = [];
  for (let left = Math.round(count / INPUTS); left > 0; left -= OUTPUTS) {
    const outputs = Math.min(left, OUTPUTS);
    const values = new Float32Array(outputs * INPUTS);
    for (let i = 0; i < values.length; i++) values[i] = 0.05 * normal() * (random() < 0.02 ? 3 : 1);
    const scaleFloor = new Float32Array(outputs);
    const shape = { dims: [outputs, INPUTS], axis: 0, channelsPerCodebook: 1 };
    requests.push({ values, ...shape, bits: Number(bits), limit: 127, scaleFloor });
  }
  return requests;
}

async function quantizeAll(
  scheme: Scheme,
  requests: readonly WeightRequest[],
  threads: number,
): Promise<{ ms: number; cpuNs: number; hash: string }> {
  const total = requests.reduce((sum, { values }) => sum + values.length, 0);
  const start = performance.now();
  const before = process.cpuUsage();
  const workers = new WeightWorkers(schemes, total, { threads });
  const hashes: string[] = new Array(requests.length);
  let next = 0;
  const follow = async () => {
    for (let at = next++; at < requests.length; at = next++)
      hashes[at] = hashOf(await workers.quantize(scheme, requests[at] as WeightRequest));
  };
  await Promise.all(Array.from({ length: workers.width }, follow));
  await workers.close();
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - start, cpuNs: 1000 * (user + system), hash: hashes.join() };
}

function hashOf(tensor: QuantizedTensor): string {
  const hash = createHash('sha1').update(tensor.scales);
  if (tensor.kind === 'affine') hash.update(tensor.codes);
  else hash.update(tensor.indices).update(tensor.levels);
  return hash.digest('hex');
}
