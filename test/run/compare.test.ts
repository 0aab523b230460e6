import { copyFileSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { defaultLimits } from '../../src/load/limits.js';
import type { CompareOptions } from '../../src/options.js';
import { encodeModel } from '../../src/proto/encode.js';
import { compare, compareWithin } from '../../src/run/compare.js';
import { quantize } from '../../src/run/quantize.js';
import { externalBytes, modelFolder, rawBytes, twoLayers } from '../support/external-model.js';
import { floatNet, halfNet, operatorNet, qdqNet, renamed } from '../support/foreign-models.js';
import { randomFloats } from '../support/graph-builder.js';
import { npyBytes } from '../support/npy.js';
import { expectRefusal } from '../support/refusal.js';
import { smallModel } from '../support/small-model.js';
import { temporaryFile } from '../support/temporary-file.js';

const pathOf = (model: Model) => temporaryFile('model.onnx', encodeModel(model));
const images = () => temporaryFile('data.npy', npyBytes('<f4', [6, 2, 6, 6], randomFloats(6 * 72, 5)));

const compared = (quantized: Model, options: Partial<CompareOptions> = {}) =>
  compare({
    float: pathOf(floatNet()),
    quantized: pathOf(quantized),
    data: images(),
    threads: 1,
    ...options,
  });

describe('models that other tools wrote', () => {
  test.each([
    ['qdq', qdqNet],
    ['integer-operators', operatorNet],
  ] as const)('%s', async (form, make) => {
    const result = await compared(make());
    expect(result).toMatchObject({
      command: 'compare',
      recipe: null,
      calibration: null,
      evaluation: { samples: 6, kind: 'evaluation' },
      comparison: { floatForm: 'float32', quantizedForm: form, layers: 2, notes: [] },
      quantized: { oldestRuntime: null },
    });
    const [output] = result.outputs;
    expect(output).toMatchObject({ name: 'y', quantizedName: 'y', matchedBy: 'name' });
    expect(output?.deployed.sqnrDb).toBeGreaterThan(25);
    expect(output?.deployed.samples).toBe(6);
    expect(result.layers.map(({ id, matchedBy }) => [id, matchedBy])).toEqual([
      ['c', 'name'],
      ['y', 'name'],
    ]);
    expect(result.plan.layers.map(({ quantized }) => quantized)).toMatchObject([
      { bits: 8, scheme: 'int8', granularity: 'tensor', inputBits: 8, runs: 'integer' },
      { bits: 8, scheme: 'int8', granularity: 'tensor', inputBits: 8, runs: 'integer' },
    ]);
  });

  test('float16: its input is converted, and that is said', async () => {
    const result = await compared(halfNet());
    expect(result.comparison).toMatchObject({
      quantizedForm: 'float16',
      notes: ['Input "x" is converted from float32 to float16 for the quantized model.'],
    });
    expect(result.outputs[0]?.deployed.sqnrDb).toBeGreaterThan(50);
    expect(result.outputs[0]?.deployed.sqnrDb).toBeLessThan(90);
    expect(result.plan.layers.map(({ quantized, reason }) => [quantized, reason])).toEqual([
      [null, 'its weight is float16'],
      [null, 'its weight is float16'],
    ]);
    // The other way round the samples become float16 first.
    const turned = await compare({ float: pathOf(halfNet()), quantized: pathOf(floatNet()), threads: 1 });
    expect(turned.outputs[0]?.deployed.sqnrDb).toBeGreaterThan(50);
  });

  test('other names: outputs and layers by order, and the same numbers', async () => {
    const data = images();
    const named = await compared(qdqNet(), { data });
    const numbered = await compared(renamed(qdqNet()), { data });
    expect(numbered.outputs[0]).toMatchObject({ name: 'y', matchedBy: 'order' });
    expect(numbered.layers.map(({ matchedBy }) => matchedBy)).toEqual(['order', 'order']);
    expect(numbered.layers.map(({ drift }) => drift)).toEqual(named.layers.map(({ drift }) => drift));
    expect(numbered.outputs[0]?.deployed).toEqual(named.outputs[0]?.deployed);
  });

  test('a model with itself: nothing drifts', async () => {
    const result = await compared(floatNet());
    expect(result.outputs[0]?.deployed).toMatchObject({ sqnrDb: null, maxAbsError: 0, relativeL2: 0 });
    expect(result.layers.map(({ drift }) => drift.sqnrDb)).toEqual([null, null]);
  });

  test('without samples the drift is measured on random input, and that is said', async () => {
    const result = await compared(qdqNet(), { data: undefined });
    expect(result.evaluation.kind).toBe('synthetic');
    expect(result.warnings.join()).toMatch(/random input/);
  });

  test('--samples chooses among them, and the labels with them', async () => {
    const result = await compared(qdqNet(), { samples: 2 });
    expect(result.evaluation.samples).toBe(2);
  });

  test('one model in memory at a time finds the same', async () => {
    const options = {
      float: pathOf(floatNet()),
      quantized: pathOf(operatorNet()),
      data: images(),
      threads: 1,
    };
    const { timing: _, warnings: __, ...expected } = await compare(options);
    // A warning tells the ratio of the times.
    const { timing, warnings, ...found } = await compareWithin(options, {
      ...defaultLimits,
      heldBytes: 1,
      largeBytes: 1,
    });
    expect(found).toEqual(expected);
    expect(timing.speed?.ratio).toBeGreaterThan(0);
  });
});

describe('a model that this tool wrote', () => {
  test('carries its recipe, and its layers are those of the run that made it', async () => {
    const model = twoLayers();
    const path = modelFolder({
      'model.onnx': externalBytes(model, { w1: { location: 'w', offset: 0, length: 128 } }),
      w: Buffer.from(rawBytes(model, 'w1')),
    });
    const data = temporaryFile('x.npy', npyBytes('<f4', [16, 4], randomFloats(64, 5)));
    const quantized = join(dirname(path), 'q.onnx');
    const made = await quantize({ model: path, data, output: quantized, threads: 1, recipe: { bits: 4 } });
    const found = await compare({ float: path, quantized, data, threads: 1 });
    expect(found.recipe).toEqual(made.recipe);
    expect(found.layers).toEqual(made.layers);
    expect(found.layers.map(({ matchedBy }) => matchedBy)).toEqual(['plan', 'plan']);
    expect(found.outputs).toEqual(made.outputs);
    expect(found.float).toEqual(made.float);
    expect(found.quantized).toEqual(made.quantized);
    expect(found.fold).toEqual(made.fold);
  });

  test("against another float model is matched as anybody else's", async () => {
    const path = pathOf(floatNet());
    const quantized = join(dirname(path), 'q.onnx');
    const data = images();
    await quantize({ model: path, data, output: quantized, threads: 1 });
    const found = await compare({ float: pathOf(renamed(floatNet())), quantized, data, threads: 1 });
    expect(found.recipe?.bits).toBe(8);
    expect(found.layers.map(({ matchedBy }) => matchedBy)).toEqual(['order', 'order']);
    for (const { drift } of found.layers) expect(drift.sqnrDb).toBeGreaterThan(25);
  });
});

describe("a user's metric", () => {
  const code = `export default () => {
    let worst = 0, seen = 0;
    return {
      add({ outputs, samples }) {
        seen += samples;
        const [a, b] = [outputs.float.y.data, outputs.quantized.y.data];
        a.forEach((x, i) => { worst = Math.max(worst, Math.abs(x - b[i])); });
      },
      result: () => ({ worst, seen: { float: seen, quantized: seen } }),
    };
  };`;

  test('sees what the record is made from, in compare and in quantize', async () => {
    const metric = temporaryFile('worst.mjs', code);
    const result = await compared(renamed(qdqNet()), { metric });
    expect(result.metrics).toEqual([
      { name: 'worst', float: null, quantized: result.outputs[0]?.deployed.maxAbsError },
      { name: 'seen', float: 6, quantized: 6 },
    ]);
    const path = pathOf(floatNet());
    const output = join(dirname(path), 'q.onnx');
    const made = await quantize({ model: path, data: images(), output, metric, threads: 1 });
    expect(made.metrics[0]).toMatchObject({
      name: 'worst',
      quantized: made.outputs[0]?.deployed.maxAbsError,
    });
  });

  test('that is none is refused before anything else is done', async () => {
    const metric = temporaryFile('none.mjs', 'export default 1;');
    await expectRefusal(() => compared(qdqNet(), { metric }), 'metric-contract', 2);
    const path = pathOf(floatNet());
    await expectRefusal(() => quantize({ model: path, metric }), 'metric-contract', 2);
  });
});

describe('refused', () => {
  test('models with other inputs', async () => {
    await expectRefusal(() => compared(smallModel()), 'inputs-differ', 2);
  });

  test('labels without samples, and labels without classes', async () => {
    const labels = temporaryFile('labels.npy', npyBytes('<i4', [6], new Int32Array(6)));
    const error = await expectRefusal(() => compared(qdqNet(), { labels, data: undefined }), 'bad-option', 2);
    expect(error.hint).toContain('--data');
    await expectRefusal(() => compared(qdqNet(), { labels }), 'labels-need-classes', 2);
  });

  test('a file that is no model; both files are as they were', async () => {
    const float = pathOf(floatNet());
    const copy = `${float}.copy`;
    copyFileSync(float, copy);
    const quantized = temporaryFile('q.onnx', 'nothing');
    await expectRefusal(() => compare({ float, quantized }), 'not-a-model', 2);
    expect(readFileSync(float).equals(readFileSync(copy))).toBe(true);
    expect(readFileSync(quantized, 'utf8')).toBe('nothing');
  });
});
