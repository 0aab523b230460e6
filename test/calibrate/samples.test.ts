import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Preprocess } from '../../calibration/preprocess.js';
import { openAll } from '../../src/calibrate/samples.js';
import type { Dim, Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { codeOf } from '../support/random-data.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function identity(shape: Dim[]): Model {
  const g = new GraphBuilder();
  g.input('x', shape);
  g.output(g.node('Relu', ['x'], 'y'));
  return g.build();
}

/** A model that runs on one shape alone. */
const only =
  (...dims: number[]) =>
  async ({ x }: Feed) => {
    if (x?.dims.join() !== dims.join()) throw new Error(`no run on [${x?.dims.join(', ')}]`);
  };

describe('synthetic input', () => {
  it.each([[[1, 16, 16, 16]], [[1, 3, 64, 64]], [[1, 224, 224, 3]], [[1, 1, 16, 16]]])(
    'takes the first shape that the model runs on: %j',
    async (dims) => {
      const { evaluation, kind } = await openAll(identity(['n', 'c', 'h', 'w']), {}, only(...dims));
      expect(kind).toBe('synthetic');
      for await (const { feed } of evaluation.open()) expect(feed.x?.dims).toEqual(dims);
    },
  );

  it('says that it was random input where none runs, and why', async () => {
    const failing = openAll(identity(['n', 'c', 'h', 'w']), {}, only(1, 7, 7, 7));
    await expect(failing).rejects.toThrow(
      /no random input .*x \[1, 16, 16, 16\].*no run on \[1, 16, 16, 16\]/,
    );
  });
});

describe('labels of images', () => {
  it('stay with their images, where some are left out and others not chosen', async () => {
    const folder = temporaryFolder();
    const colours = ['black', 'white'];
    for (let i = 0; i < 20; i++) {
      const colour = colours[i % 2] as string;
      mkdirSync(join(folder, colour), { recursive: true });
      const picture = sharp({ create: { width: 2, height: 2, channels: 3, background: colour } });
      writeFileSync(join(folder, colour, `${10 + i}.png`), await picture.png().toBuffer());
    }
    writeFileSync(join(folder, 'black', '12.png'), 'broken');
    const preprocess: Preprocess = { label: 'unit', scale: 1 / 255, mean: [0], std: [1], layout: undefined };
    const options = { data: folder, labels: 'folders', preprocess };
    const model = identity(['n', 3, 2, 2]);
    const { evaluation, labels } = await openAll(model, options);
    expect(evaluation.length).toBe(19);
    expect(evaluation.warnings?.[0]).toMatch(/^1 of 20 samples .*black\/12\.png/);
    const read: number[] = [];
    for await (const { feed } of evaluation.open()) read.push(Number(feed.x?.data[0]));
    // black is class 0 and value 0, white is class 1 and value 1.
    expect(labels).toEqual(read);
    const chosen = await openAll(model, { ...options, evalData: folder, samples: 5, seed: 5 });
    expect([chosen.calibration?.length, chosen.labels?.length]).toEqual([5, 19]);
  });

  it('need samples', async () => {
    expect(await codeOf(() => openAll(identity(['n', 3]), { labels: 'folders' }))).toBe('bad-option');
  });
});
