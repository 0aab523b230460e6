import { expect, it } from 'vitest';
import type { Runner } from '../../src/evaluate/recording.js';
import { encodeModel } from '../../src/proto/encode.js';
import { measureQuality } from '../../src/search/verify.js';
import { finish, Net } from '../support/nets.js';
import { sourceOf } from '../support/quantize-model.js';

/** A model that gives back its input, [1, 3]: what is fed is what the "quantized" model gives. */
function echo(): Uint8Array {
  const net = new Net();
  net.input('x', [1, 3]);
  return encodeModel(finish(net, net.node('Identity', ['x'], 'y'), [1, 3]));
}

const row = (...values: number[]) => ({
  type: 'float32' as const,
  dims: [1, 3],
  data: Float32Array.from(values),
});

/** Float's scores, one row a batch. */
function runnerOf(rows: readonly (readonly number[])[]): Runner {
  let next = 0;
  return { outputNames: ['y'], run: async () => new Map([['y', row(...(rows[next++] ?? []))]]) };
}

// Of five samples float has the classes 0 0 1 2 1, the other model 0 1 1 0 2.
const float = [
  [3, 1, 0],
  [2, 1, 0],
  [0, 4, 0],
  [0, 1, 2],
  [0, 1, 0],
];
const other = [
  [3, 1, 0],
  [1, 2, 0],
  [0, 4, 0],
  [2, 1, 0],
  [0, 0, 1],
];
const source = sourceOf(other.map((values) => ({ x: row(...values) })));

it('counts what is lost less what is won, and its standard error over pairs', async () => {
  // Right in float: samples 1, 2, 3 and 5; in the other: 1, 3 and 4. Lost 2 and 5, won 4.
  const quality = await measureQuality(echo(), runnerOf(float), source, [0, 0, 1, 0, 1]);
  expect(quality.samples).toBe(5);
  expect(quality.drop).toBeCloseTo(1 / 5, 12);
  // Of the differences 0, 1, 0, −1, 1 the mean square is 3/5, the mean 1/5: √((3/5 − 1/25)/5).
  expect(quality.dropError).toBeCloseTo(Math.sqrt(0.56 / 5), 12);
});

it('counts what changed where there are no labels, and the noise in any case', async () => {
  const quality = await measureQuality(echo(), runnerOf(float), source, undefined);
  expect(quality.agreement).toBeCloseTo(2 / 5, 12);
  expect([quality.drop, quality.dropError]).toEqual([null, 0]);
  // Σ float² = 10 + 5 + 16 + 5 + 1 = 37; Σ error² = 0 + 2 + 0 + 8 + 2 = 12.
  expect(quality.sqnrDb).toBeCloseTo(10 * Math.log10(37 / 12), 10);
});

it('has no drop where no output holds class scores', async () => {
  const quality = await measureQuality(
    echo(),
    { outputNames: ['y'], run: async () => new Map([['y', { ...row(1, 2, 3), dims: [3, 1] }]]) },
    source,
    undefined,
  );
  expect(quality).toEqual({
    ...{ samples: 5, drop: null, dropError: 0, agreement: null },
    sqnrDb: Number.NEGATIVE_INFINITY,
  });
});
