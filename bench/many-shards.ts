import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TensorStatistics } from '../calibration/statistics.js';
import { serializeStatistics } from '../calibration/statistics-file.js';
import { measureProcess } from './measure-process.js';

/**
 * Files of a calibration on very many samples, made up, and what it takes to merge them.
 *
 *     npm run bench:shards -- [SHARDS] [SAMPLES a shard] [TENSORS]        1000 1000 30
 *
 * Every sample of a tensor has 4,096 normal elements with a scale and a mean of the tensor's own, and ends of its own; the elements of
 * the first sample of a shard stand for those of all. Temporary files, about 10 bytes a tensor and sample.
 */
const [shards = 1000, samples = 1000, tensors = 30] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'quantize-shards-'));
try {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  const files: string[] = [];
  let most = 0;
  let all = 0;
  for (let index = 1; index <= shards; index++) {
    const seen = new Map<string, TensorStatistics>();
    for (let t = 0; t < tensors; t++) {
      const values = Float32Array.from({ length: 4096 }, () => (1 + t / 4) * normal() + t / 10);
      const one = new TensorStatistics();
      one.add(values);
      const counts = one.counts.map((count) => count * samples);
      const ranges = Array.from({ length: samples }, () => ({
        min: Math.fround(one.min * (1 - random() / 4)),
        max: Math.fround(one.max * (1 - random() / 4)),
      }));
      seen.set(`tensor${t}`, new TensorStatistics(counts, ranges));
    }
    const part = {
      shard: { index, count: shards },
      first: (index - 1) * samples,
      total: shards * samples,
      choice: 'all',
    };
    const file = join(folder, `model.stats.${index}-of-${shards}.json`);
    const made = { modelHash: 'none', data: 'made up', preprocess: 'none', provider: 'cpu' };
    writeFileSync(file, serializeStatistics({ ...made, samples, part, tensors: seen }));
    const { size } = statSync(file);
    most = Math.max(most, size);
    all += size;
    files.push(file);
  }
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(
    `${shards} files of ${samples} samples, ${tensors} tensors: ${mebibytes(most)} at most, ${mebibytes(all)} in all`,
  );
  const bin = fileURLToPath(new URL('../../bin/quantize', import.meta.url));
  const whole = join(folder, 'model.stats.json');
  const { seconds, peakBytes } = await measureProcess(process.execPath, [
    bin,
    'merge',
    ...files,
    '-o',
    whole,
  ]);
  console.log(
    `merged in ${seconds.toFixed(1)} s, peak ${mebibytes(peakBytes)}: ${mebibytes(statSync(whole).size)}`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
