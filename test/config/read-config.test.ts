import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/read-config.js';
import { QuantizeError } from '../../src/errors.js';
import { defaultRecipe } from '../../src/recipe.js';
import { codeOf } from '../support/random-data.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A folder with a configuration in it. */
function folderWith(content: unknown, name = 'quantize.config.json'): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return folder;
}

/** What is wrong with a configuration. */
async function refusalOf(content: unknown): Promise<{ message: string; hint: string }> {
  const folder = folderWith(content);
  try {
    await readConfig({ folder });
  } catch (thrown) {
    if (!(thrown instanceof QuantizeError)) throw thrown;
    return {
      message: thrown.message.replace(join(folder, 'quantize.config.json'), 'FILE'),
      hint: thrown.hint,
    };
  }
  throw new Error('it was not refused');
}

describe('a configuration', () => {
  it('names sets of samples, their paths and labels relative to the file', async () => {
    const evalSets = {
      day: { data: 'day.npy', labels: 'day-labels.npy' },
      'night.2': { data: { image: ['a.npy', 'b.npy'] }, labels: 'folders' },
    };
    const folder = folderWith({ model: 'net.onnx', evalSets });
    const [job] = (await readConfig({ folder })).jobs;
    expect(job?.evalSets).toEqual({
      day: { data: join(folder, 'day.npy'), labels: join(folder, 'day-labels.npy') },
      'night.2': {
        data: [`image=${join(folder, 'a.npy')}`, `image=${join(folder, 'b.npy')}`],
        labels: 'folders',
      },
    });
    const { message } = await refusalOf({ model: 'net.onnx', evalSets: { 'a night': { data: 'a.npy' } } });
    expect(message).toContain('a night');
    expect((await refusalOf({ model: 'net.onnx', evalSets: { day: {} } })).message).toContain('evalSets.day');
  });

  it('says all that a run is told, its paths relative to the file', async () => {
    const folder = folderWith({
      $schema: './schema.json',
      model: 'net.onnx',
      output: 'out/net.int8.onnx',
      data: { image: 'calib.npy', mask: '/data/mask.npy' },
      evalData: ['a.npy', '../b.npy'],
      labels: 'labels.npy',
      stats: 'net.stats.json',
      samples: 100,
      seed: 3,
      inputRange: [-1, 1],
      preprocess: { preset: 'imagenet', scale: '1/16', mean: [1, 2, 3], std: 4, layout: 'nhwc' },
      images: { size: '32x48', resize: 'letterbox', channelOrder: 'bgr' },
      bin: { dtype: 'uint8', shape: [3, 32, 48] },
      recipe: {
        bits: 4,
        rules: [{ pattern: 'a*', bits: 8 }],
        activations: { observerSettings: { momentum: 0.5 } },
      },
      threads: 1,
      maxMemory: 512,
      provider: 'cpu',
      gates: ['size<1MB', { gate: 'speedup>=2', level: 'warn' }],
      baseline: 'base.json',
      reports: ['{model}.html'],
    });
    const { path, jobs } = await readConfig({ folder });
    expect(path).toBe(join(folder, 'quantize.config.json'));
    expect(jobs).toEqual([
      {
        model: join(folder, 'net.onnx'),
        output: join(folder, 'out/net.int8.onnx'),
        data: [`image=${join(folder, 'calib.npy')}`, 'mask=/data/mask.npy'],
        evalData: [join(folder, 'a.npy'), join(folder, '../b.npy')],
        labels: join(folder, 'labels.npy'),
        stats: join(folder, 'net.stats.json'),
        samples: 100,
        seed: 3,
        inputRange: { low: [-1], high: [1] },
        preprocess: {
          label: '--preprocess imagenet --scale 1/16 --mean 1,2,3 --std 4 --layout nhwc',
          scale: 1 / 16,
          mean: [1, 2, 3],
          std: [4],
          layout: 'nhwc',
          channelOrder: undefined,
          cropRatio: 256 / 224,
        },
        pictures: { size: { height: 32, width: 48 }, fit: 'letterbox', channelOrder: 'bgr' },
        raw: { type: 'uint8', shape: [3, 32, 48] },
        recipe: {
          bits: 4,
          rules: [{ pattern: 'a*', bits: 8 }],
          activations: { observerSettings: { momentum: 0.5 } },
        },
        threads: 1,
        maxMemory: 512,
        provider: 'cpu',
        gates: ['size<1MB', { gate: 'speedup>=2', level: 'warn' }],
        baseline: join(folder, 'base.json'),
        reports: [join(folder, 'net.html')],
      },
    ]);
  });

  it('takes every recipe that a result record holds', async () => {
    const { jobs } = await readConfig({ folder: folderWith({ model: 'a.onnx', recipe: defaultRecipe }) });
    expect(jobs[0]?.recipe).toEqual(defaultRecipe);
  });

  it('of an older version is read', async () => {
    const old = { actBits: 4, observer: 'ema' };
    const folder = folderWith({ recipe: old, models: [{ model: 'a.onnx', recipe: { dynamic: true } }] });
    const { jobs } = await readConfig({ folder });
    expect(jobs[0]?.recipe).toEqual({ activations: { kind: 'dynamic' } });
    expect(
      (await readConfig({ folder: folderWith({ model: 'a.onnx', recipe: old }) })).jobs[0]?.recipe,
    ).toEqual({ activations: { bits: 4, observer: 'ema' } });
  });

  it('has several models, which share what is said beside them', async () => {
    const folder = folderWith({
      data: 'calib.npy',
      recipe: { bits: 4, activations: { observer: 'mse' } },
      gates: ['sqnr>20'],
      reports: ['{model}.html'],
      models: [{ model: 'a.onnx' }, { model: 'b.onnx', data: 'b.npy', recipe: { bits: 8 }, gates: [] }],
    });
    const { jobs } = await readConfig({ folder });
    expect(
      jobs.map(({ model, data, recipe, gates, reports }) => ({ model, data, recipe, gates, reports })),
    ).toEqual([
      {
        model: join(folder, 'a.onnx'),
        data: join(folder, 'calib.npy'),
        recipe: { bits: 4, activations: { observer: 'mse' } },
        gates: ['sqnr>20'],
        reports: [join(folder, 'a.html')],
      },
      {
        model: join(folder, 'b.onnx'),
        data: join(folder, 'b.npy'),
        recipe: { bits: 8, activations: { observer: 'mse' } },
        gates: [],
        reports: [join(folder, 'b.html')],
      },
    ]);
  });

  it('is the quantize key of a package.json where there is no file of its own', async () => {
    const folder = folderWith({ name: 'x', quantize: { model: 'a.onnx' } }, 'package.json');
    expect((await readConfig({ folder })).jobs[0]?.model).toBe(join(folder, 'a.onnx'));
    expect((await readConfig({ path: join(folder, 'package.json') })).jobs).toHaveLength(1);
    writeFileSync(join(folder, 'quantize.config.json'), '{"model": "b.onnx"}');
    expect((await readConfig({ folder })).jobs[0]?.model).toBe(join(folder, 'b.onnx'));
  });

  it('leaves the model to who asks, whose path is theirs', async () => {
    const folder = folderWith({ data: 'calib.npy' });
    expect((await readConfig({ folder, model: 'mine.onnx' })).jobs[0]?.model).toBe('mine.onnx');
  });

  it('takes a path with = for a path', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a=b'));
    writeFileSync(
      join(folder, 'a=b', 'c.json'),
      '{"model": "m.onnx", "data": "x=y.npy", "labels": "folders"}',
    );
    const { jobs } = await readConfig({ path: join(folder, 'a=b', 'c.json') });
    expect(jobs[0]?.data).toBe(join(folder, 'a=b', 'x=y.npy'));
    expect(jobs[0]?.labels).toBe('folders');
  });
});

describe('what is wrong with a configuration is told with its place', () => {
  it.each<[unknown, string | RegExp, string | RegExp]>([
    [
      { model: 'a', evaldata: 'x' },
      'FILE: evaldata is no key that is known.',
      /^Did you mean evalData\? The keys there are \$schema, model, /,
    ],
    [{ model: 'a', banana: 1 }, 'FILE: banana is no key that is known.', /^The keys there are/],
    [
      { model: 'a', recipe: { bitz: 4 } },
      'FILE: recipe.bitz is no key that is known.',
      /^Did you mean bits\?/,
    ],
    [
      { model: 'a', recipe: { bits: 9 } },
      'FILE: recipe.bits cannot be 9.',
      'Give a whole number from 2 to 8.',
    ],
    [
      { model: 'a', recipe: { bits: '4' } },
      'FILE: recipe.bits cannot be "4".',
      'Give a whole number from 2 to 8.',
    ],
    [
      { model: 'a', recipe: { bits: 4.5 } },
      'FILE: recipe.bits cannot be 4.5.',
      'Give a whole number from 2 to 8.',
    ],
    [
      { model: 'a', recipe: { scheme: 'kmean' } },
      'FILE: recipe.scheme cannot be "kmean".',
      /^Did you mean kmeans\? Give one of auto, minmax, /,
    ],
    [
      { model: 'a', recipe: { activations: { kind: 'wild' } } },
      'FILE: recipe.activations.kind cannot be "wild".',
      'Give static, or dynamic, or float.',
    ],
    [
      { model: 'a', recipe: { rules: [{ bits: 4 }] } },
      'FILE: recipe.rules[0].pattern is missing.',
      'Give a text.',
    ],
    [
      { model: 'a', recipe: { activations: { observerSettings: { momentum: 1 } } } },
      'FILE: recipe.activations.observerSettings.momentum cannot be 1.',
      'Give a number from 0 below 1.',
    ],
    [{ model: 3 }, 'FILE: model cannot be 3.', 'Give a text.'],
    [{ model: 'a', samples: 0 }, 'FILE: samples cannot be 0.', 'Give a whole number from 1 on.'],
    [
      { model: 'a', data: 5 },
      'FILE: data cannot be 5.',
      /^Give a text, or a list, each of it a text, or an object\.$/,
    ],
    [{ model: 'a', data: ['x', 5] }, 'FILE: data[1] cannot be 5.', 'Give a text.'],
    [
      { model: 'a', data: { 'in put': 5 } },
      'FILE: data["in put"] cannot be 5.',
      'Give a text, or a list, each of it a text.',
    ],
    [
      { model: 'a', preprocess: 'imagnet' },
      'FILE: preprocess cannot be "imagnet".',
      /^Did you mean imagenet\? Give one of imagenet, unit, tf, caffe, none, or an object with any of the keys preset, /,
    ],
    [
      { model: 'a', preprocess: { scale: 'one' } },
      'FILE: preprocess.scale cannot be "one".',
      'Give a number, or a text, as "1/255".',
    ],
    [
      { model: 'a', preprocess: { sclae: 1 } },
      'FILE: preprocess.sclae is no key that is known.',
      /^Did you mean scale\?/,
    ],
    [
      { model: 'a', preprocess: { std: 0 } },
      'FILE: preprocess is wrong: --std cannot be "0".',
      'Give positive numbers.',
    ],
    [{ model: 'a', images: { size: 224 } }, 'FILE: images.size cannot be 224.', 'Give a text, as "224x224".'],
    [{ model: 'a', inputRange: [1, 0] }, 'FILE: inputRange is empty.', 'Give the least value first.'],
    [
      { model: 'a', gates: 'sqnr>1' },
      'FILE: gates cannot be "sqnr>1".',
      /^Give a list, each of it a text, as "top1_drop<0.5%"/,
    ],
    [
      { model: 'a', gates: ['sqnr>1', 'snqr>1'] },
      'FILE: gates[1] "snqr>1" names "snqr", which is no metric.',
      /^Did you mean sqnr\?/,
    ],
    [
      { model: 'a', gates: [{ gate: 'sqnr>1', level: 'fatal' }] },
      'FILE: gates[0].level cannot be "fatal".',
      'Give one of error, warn.',
    ],
    [
      { model: 'a', gates: [{ gate: 'sqnr>1', levl: 'warn' }] },
      'FILE: gates[0].levl is no key that is known.',
      /^Did you mean level\?/,
    ],
    [{ models: [{ model: 'a' }, { data: 'x' }] }, 'FILE: models[1].model is missing.', 'Give a text.'],
    [
      { models: [{ model: 'a', gates: ['x'] }] },
      'FILE: models[0].gates[0] "x" compares nothing with a limit.',
      /^Write metric/,
    ],
    [{ models: [] }, 'FILE: models cannot be [].', /^Give a list/],
    [{ model: 'a', models: [{ model: 'b' }] }, 'FILE: models stands beside "model".', 'Give one of the two.'],
    [{ data: 'x' }, 'FILE: the configuration names no model.', /^Give "model"/],
    [[], 'FILE: the configuration cannot be [].', /^Give an object with any of the keys/],
    [
      { models: [{ model: 'a' }, { model: 'b' }], reports: ['r.html'] },
      /writes .*r\.html twice/,
      /\{model\}/,
    ],
  ])('%j', async (content, message, hint) => {
    const found = await refusalOf(content);
    if (typeof message === 'string') expect(found.message).toBe(message);
    else expect(found.message).toMatch(message);
    if (typeof hint === 'string') expect(found.hint).toBe(hint);
    else expect(found.hint).toMatch(hint);
  });

  it('in a package.json below its key', async () => {
    const folder = folderWith({ quantize: { model: 'a', recipe: { bits: 1 } } }, 'package.json');
    await expect(readConfig({ folder })).rejects.toThrow(
      /package\.json: quantize\.recipe\.bits cannot be 1\./,
    );
    const without = folderWith({ name: 'x' }, 'package.json');
    await expect(readConfig({ path: join(without, 'package.json') })).rejects.toThrow(
      /has no "quantize" key/,
    );
  });

  it('also where it is no JSON, or not there', async () => {
    expect((await refusalOf('{"model": }')).message).toMatch(/^FILE is not JSON: /);
    expect(await codeOf(() => readConfig({ folder: folderWith({ name: 'x' }, 'package.json') }))).toBe(
      'config-missing',
    );
    expect(await codeOf(() => readConfig({ folder: temporaryFolder() }))).toBe('config-missing');
    expect(await codeOf(() => readConfig({ path: 'nowhere.json' }))).toBe('file-missing');
  });

  it('where the models are named twice', async () => {
    const folder = folderWith({ models: [{ model: 'a' }] });
    await expect(readConfig({ folder, model: 'b' })).rejects.toThrow(/models names the models/);
  });
});

describe('other formats', () => {
  it.each([
    ['quantize.config.yaml', 'model: a.onnx\ngates:\n  - size<1MB # kept small\n'],
    ['quantize.config.mjs', "export default () => ({ model: 'a.onnx', gates: ['size<1MB'] });"],
    ['quantize.config.cjs', "module.exports = { model: 'a.onnx', gates: ['size<1MB'] };"],
  ])('%s says the same as JSON', async (name, text) => {
    const folder = folderWith(text, name);
    const { jobs, path } = await readConfig({ folder });
    expect(path).toBe(join(folder, name));
    expect(jobs[0]).toMatchObject({ model: join(folder, 'a.onnx'), gates: ['size<1MB'] });
  });

  it.each([
    ['quantize.config.yaml', 'model: [', 'is not YAML'],
    ['quantize.config.mjs', 'throw new Error("odd")', 'odd'],
    ['quantize.config.mjs', 'export const model = 1', 'no default export'],
  ])('%s with %s is refused', async (name, text, reason) => {
    const failing = readConfig({ folder: folderWith(text, name) });
    await expect(failing).rejects.toMatchObject({ code: 'config-syntax' });
    await expect(failing).rejects.toThrow(reason);
  });
});
