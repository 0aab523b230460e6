import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAll, type Samples } from '../../src/calibrate/samples.js';
import type { Dim, Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import type { DataOptions } from '../../src/options.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { npyBytes } from '../support/npy.js';
import { refusalOf } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function modelOf(shapes: Readonly<Record<string, Dim[]>>): Model {
  const g = new GraphBuilder();
  for (const [name, shape] of Object.entries(shapes)) g.input(name, shape);
  g.output(g.node('Relu', ['x'], 'y'));
  return g.build();
}

/** Each sample of x holds its number; state[layer] of sample n holds 10·(layer + 1) + n. */
const state = (layer: number, sample: number) => 10 * (layer + 1) + sample;

async function runsOf(samples: Samples): Promise<Feed[]> {
  const runs: Feed[] = [];
  for await (const { feed } of samples.evaluation.open()) runs.push(feed);
  return runs;
}

interface Arrays {
  readonly x: readonly [dims: number[], values: number[]];
  readonly state: readonly [dims: number[], values: number[]];
}

function openArrays(shapes: Readonly<Record<string, Dim[]>>, arrays: Arrays, options: DataOptions = {}) {
  const folder = temporaryFolder();
  const data = Object.entries(arrays).map(([name, [dims, values]]) => {
    const path = join(folder, `${name}.npy`);
    writeFileSync(path, npyBytes('<f4', dims, Float32Array.from(values)));
    return `${name}=${path}`;
  });
  return openAll(modelOf(shapes), { ...options, data });
}

const samples = 3;
const numbers = Array.from({ length: samples }, (_, n) => n);
const x = [[samples, 1], numbers] as const;
/** Sample after sample, two layers in each. */
const bySample = numbers.flatMap((n) => [state(0, n), state(1, n)]);
const byLayer = [0, 1].flatMap((layer) => numbers.map((n) => state(layer, n)));

describe('a state whose batch is not the first axis', () => {
  const shapes = { x: ['batch', 1], state: [2, 'batch', 1] };
  it.each([
    ['sample after sample', [samples, 2, 1], bySample],
    ['as whole inputs', [samples, 2, 1, 1], bySample],
    ['in its own layout', [2, samples, 1], byLayer],
  ])('is fed right from an array %s', async (_, dims, values) => {
    const opened = await openArrays(shapes, { x: [[...x[0]], [...x[1]]], state: [dims, values] });
    const runs = await runsOf(opened);
    expect(runs.map((feed) => feed.state?.dims)).toEqual(numbers.map(() => [2, 1, 1]));
    expect(runs.map((feed) => Array.from(feed.state?.data as Float32Array))).toEqual(
      numbers.map((n) => [state(0, n), state(1, n)]),
    );
  });

  it('is put together on its own axis where the batch is fixed', async () => {
    const fixed = { x: [3, 1], state: [2, 3, 1] };
    const [run] = await runsOf(
      await openArrays(fixed, { x: [[...x[0]], [...x[1]]], state: [[samples, 2, 1], bySample] }),
    );
    expect(run?.state?.dims).toEqual([2, 3, 1]);
    expect(Array.from(run?.state?.data as Float32Array)).toEqual(byLayer);
  });

  it('is refused where the array could be either, with the form that is right', async () => {
    const both = {
      x: [
        [2, 1],
        [0, 1],
      ],
      state: [
        [2, 2, 1],
        [1, 2, 3, 4],
      ],
    } as unknown as Arrays;
    const { code, hint } = await refusalOf(() => openArrays(shapes, both));
    expect(code).toBe('data-format');
    expect(hint).toContain('[samples, 2, 1, 1]');
  });

  it('is taken from a module with a batch of one, and without it', async () => {
    for (const dims of ['[2, 1, 1]', '[2, 1]']) {
      const path = join(temporaryFolder(), 'samples.mjs');
      writeFileSync(
        path,
        `export default [5, 6].map((n) => ({
          x: { data: Float32Array.of(n), dims: [1] },
          state: { data: Float32Array.of(10 + n, 20 + n), dims: ${dims} },
        }));`,
      );
      const runs = await runsOf(await openAll(modelOf(shapes), { data: path }));
      expect(runs.map(({ state }) => [state?.dims, Array.from(state?.data as Float32Array)])).toEqual([
        [
          [2, 1, 1],
          [15, 25],
        ],
        [
          [2, 1, 1],
          [16, 26],
        ],
      ]);
    }
  });
});

/** A TensorProto of float32, by hand: dims (1), data_type (2), name (8), raw_data (9). */
function tensorProto(name: string, dims: readonly number[], values: readonly number[]): Buffer {
  const raw = Buffer.from(Float32Array.from(values).buffer);
  const text = Buffer.from(name);
  return Buffer.concat([
    Buffer.from(dims.flatMap((dim) => [0x08, dim])),
    Buffer.from([0x10, 1, 0x42, text.length]),
    text,
    Buffer.from([0x4a, raw.length]),
    raw,
  ]);
}

function testData(tensors: readonly (readonly [string, number[], number[]])[]): string {
  const folder = join(temporaryFolder(), 'test_data_set_0');
  mkdirSync(folder);
  tensors.forEach(([name, dims, values], i) => {
    writeFileSync(join(folder, `input_${i}.pb`), tensorProto(name, dims, values));
  });
  return folder;
}

describe('test data', () => {
  it('is one sample where no axis is surely the batch', async () => {
    const data = testData([['x', [3, 1, 1], [1, 2, 3]]]);
    for (const shape of [
      ['T', 1, 1],
      ['length', 'b1', 1],
      ['unk__7', 1, 1],
    ]) {
      const runs = await runsOf(await openAll(modelOf({ x: shape }), { data }));
      expect(runs.map((feed) => feed.x?.dims)).toEqual([[3, 1, 1]]);
    }
  });

  it('is a sample for each entry of the batch, along the axis of each input', async () => {
    const data = testData([
      ['x', [3, 1], numbers],
      ['state', [2, 3, 1], byLayer],
    ]);
    const runs = await runsOf(await openAll(modelOf({ x: ['batch', 1], state: [2, 'batch', 1] }), { data }));
    expect(runs.map((feed) => Array.from(feed.state?.data as Float32Array))).toEqual(
      numbers.map((n) => [state(0, n), state(1, n)]),
    );
  });

  it('is one run where a state has a batch of one and the other input is as long', async () => {
    const data = testData([
      ['x', [1, 1], [7]],
      ['state', [2, 1, 1], [1, 2]],
    ]);
    const runs = await runsOf(await openAll(modelOf({ x: ['batch', 1], state: [2, 1, 1] }), { data }));
    expect(runs.map((feed) => feed.state?.dims)).toEqual([[2, 1, 1]]);
  });
});

/** The shapes of the first random input that a model runs on. */
async function randomDims(
  shapes: Readonly<Record<string, Dim[]>>,
  runs: (feed: Feed) => boolean = () => true,
  options: DataOptions = {},
) {
  const run = async (feed: Feed) => {
    if (!runs(feed)) throw new Error('no');
  };
  const { evaluation } = await openAll(modelOf(shapes), options, run);
  for await (const { feed } of evaluation.open())
    return Object.fromEntries(Object.entries(feed).map(([name, { dims }]) => [name, dims]));
  return undefined;
}

describe('random input', () => {
  it('has one value for each name, in sums and products, and none for a dimension of 0', async () => {
    const shapes = {
      x: ['batch', 'seq'],
      mask: ['batch', 'past + seq'],
      key: ['batch', 2, 'past', 4],
      heads: ['2*batch', 'seq'],
      none: ['batch', 0, 4],
    };
    expect(await randomDims(shapes)).toEqual({
      x: [1, 16],
      mask: [1, 32],
      key: [1, 2, 16, 4],
      heads: [2, 16],
      none: [1, 0, 4],
    });
  });

  it('tries no past where a total has a name of its own', async () => {
    const shapes = { x: ['batch', 'seq'], mask: ['batch', 'total'], key: ['batch', 'past_length', 4] };
    const fits = ({ x, mask, key }: Feed) => mask?.dims[1] === (x?.dims[1] ?? 0) + (key?.dims[1] ?? 0);
    expect(await randomDims(shapes, fits)).toEqual({ x: [1, 16], mask: [1, 16], key: [1, 0, 4] });
  });

  it('tries sizes where a short list of numbers does not do', async () => {
    const fits = ({ size }: Feed) => Array.from(size?.data ?? [], Number).every((value) => value >= 1);
    const model = { x: [1, 'num_points', 2], size: [2] };
    expect(await randomDims(model, fits)).toEqual({ x: [1, 16, 2], size: [2] });
  });

  it('has the shapes that are given, and what their names say elsewhere', async () => {
    const shapes = { x: ['batch', 3, 'h', 'w'], mask: ['batch', 'h'] };
    const given = { shapes: { x: [1, 3, 480, 320] } };
    expect(await randomDims(shapes, () => true, given)).toEqual({ x: [1, 3, 480, 320], mask: [1, 480] });
  });

  it('has the shapes that are given in place of what the model states', async () => {
    const given = { shapes: { x: [1, 4, 8, 8] } };
    expect(await randomDims({ x: ['batch', 3, 32, 'w'] }, () => true, given)).toEqual({ x: [1, 4, 8, 8] });
  });

  it.each([
    ['an input that is not there', { image: [1, 3, 8, 8] }, /names "image"/],
    ['another rank than the model states', { x: [3, 8, 8] }, /cannot be \[3, 8, 8\]/],
  ])('refuses %s', async (_, shapes, text) => {
    const { code, message } = await refusalOf(() =>
      openAll(modelOf({ x: ['batch', 3, 'h', 'w'] }), { shapes }),
    );
    expect([code, message]).toEqual(['bad-option', expect.stringMatching(text)]);
  });
});
