import { expect, it } from 'vitest';
import { mergeStatistics } from '../../calibration/merge-statistics.js';
import { sourceOf } from '../../calibration/sample-set.js';
import type { Shard } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import { parseStatistics, serializeStatistics } from '../../calibration/statistics-file.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import type { Model } from '../../src/graph/model.js';
import { place } from '../../src/place/place.js';
import { observableValues } from '../../src/place/placement.js';
import { widestRecipe } from '../../src/recipe.js';
import { randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { anyInteger, forSeeds, shuffled } from '../support/random-data.js';

/** Two layers; with `mixing`, a value between them whose first axis is no batch. */
function net(batch: number | string, mixing: boolean): Model {
  const net = new Net();
  net.input('x', [batch, 6]);
  let value = net.node('Relu', [net.gemm('x', 'h', 6, 6)], 'r');
  if (mixing) {
    value = net.node('Transpose', [value], 'turned', { perm: [1, 0] });
    value = net.node('Transpose', [net.node('Softmax', [value], 'soft', { axis: 0 })], 'back', {
      perm: [1, 0],
    });
  }
  return finish(net, net.gemm(value, 'y', 6, 3));
}

const set = (length: number) => ({
  label: 'x.npy',
  length,
  preprocess: 'none',
  sample: async (i: number) => ({
    x: { type: 'float32' as const, dims: [6], data: randomFloats(6, i + 1, -1, 1 + i / 7) },
  }),
});

async function textOf(model: Model, samples: number, batchSize: number, shard?: Shard): Promise<string> {
  const source = sourceOf(set(2 * samples), { samples, seed: 3, batchSize, shard });
  const values = observableValues(model.graph, place(model, widestRecipe, 'm.onnx'));
  return serializeStatistics((await calibrate(model, values, source)) as Statistics);
}

it.each([
  ['one sample a run', 'n', 1, false],
  ['a fixed batch of 4, the last one filled up', 4, 4, false],
  ['a fixed batch, and values that mix its samples', 4, 4, true],
] as const)('%s: the shards merge to the bytes of the whole run', async (_, batch, batchSize, mixing) => {
  const cases: Promise<void>[] = [];
  const model = net(batch, mixing);
  forSeeds(5, (random) => {
    const samples = anyInteger(random, 5, 30);
    const count = anyInteger(random, 1, Math.ceil(samples / batchSize));
    const split = async () => {
      const files = [];
      for (let index = 1; index <= count; index++) {
        const text = await textOf(model, samples, batchSize, { index, count });
        files.push(parseStatistics(`${index}.json`, text));
      }
      const merged = serializeStatistics(mergeStatistics(shuffled(files, random)));
      expect(merged === (await textOf(model, samples, batchSize))).toBe(true);
    };
    cases.push(split());
  });
  await Promise.all(cases);
});
