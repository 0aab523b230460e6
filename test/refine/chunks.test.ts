import { expect, test } from 'vitest';
import type { Dim, Model } from '../../src/graph/model.js';
import { chunksOf } from '../../src/refine/chunks.js';
import { randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { sourceOf } from '../support/quantize-model.js';

const takes = (shape: readonly Dim[]): Model => {
  const net = new Net();
  net.input('x', shape);
  return finish(net, net.node('Relu', ['x'], 'y'));
};

/** How many samples each chunk holds, of five of one shape, and the shape of the first. */
async function chunked(shape: readonly Dim[], dims: readonly number[]) {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const feeds = Array.from({ length: 5 }, (_, i) => ({
    x: { type: 'float32' as const, dims, data: randomFloats(size, i) },
  }));
  const counts: number[] = [];
  let first: readonly number[] | undefined;
  for await (const { feed, samples } of chunksOf(sourceOf(feeds), takes(shape), 4)) {
    counts.push(samples);
    first ??= feed.x?.dims;
  }
  return { counts, first };
}

test('samples along an open first axis are run together', async () => {
  expect(await chunked(['batch', 3], [1, 3])).toEqual({ counts: [4, 1], first: [4, 3] });
  expect(await chunked(['n', 'seq', 3], [1, 2, 3])).toEqual({ counts: [4, 1], first: [4, 2, 3] });
});

test('steps of a sample are not: one of each, first, is no axis of samples', async () => {
  expect(await chunked(['time', 'batch', 3], [1, 1, 3])).toEqual({
    counts: [1, 1, 1, 1, 1],
    first: [1, 1, 3],
  });
  expect(await chunked([1, 3], [1, 3])).toEqual({ counts: [1, 1, 1, 1, 1], first: [1, 3] });
});
