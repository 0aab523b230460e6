import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { attribute, type Model } from '../../src/graph/model.js';
import { rawBytesOf, type Tensor } from '../../src/graph/tensor.js';
import { defaultLimits } from '../../src/load/limits.js';
import type { QuantizeOptions } from '../../src/options.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { renderVerification } from '../../src/report/verification.js';
import { calibrate } from '../../src/run/calibrate.js';
import { quantize, quantizeWithin } from '../../src/run/quantize.js';
import { verify, verifyWithin } from '../../src/run/verify.js';
import { example } from '../support/command.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const from = example('digits.onnx');
const preprocess = { label: '1/16', scale: 1 / 16, mean: [0], std: [1], layout: undefined };
const data = { data: example('digits-calib.npy'), preprocess };

async function made(options: Partial<QuantizeOptions> = data): Promise<string> {
  const output = join(temporaryFolder(), 'q.onnx');
  await quantize({ model: from, output, ...options });
  return output;
}

/** The file with something changed in it. */
function altered(path: string, change: (model: Model) => void): string {
  const model = decodeModel(new Uint8Array(readFileSync(path)), 'copies');
  change(model);
  const other = join(temporaryFolder(), 'altered.onnx');
  writeFileSync(other, encodeModel(model));
  return other;
}

/** The last bit of one byte of a tensor is the other one. */
function flip(model: Model, name: string, at = 0): void {
  const tensor = model.graph.initializers.get(name) as Tensor;
  const bytes = new Uint8Array(rawBytesOf(tensor) ?? []);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  model.graph.initializers.set(name, { ...tensor, storage: { kind: 'raw', bytes } });
}

describe('a file holds', () => {
  test('with the samples, the statistics and the plan that it was made from', async () => {
    const folder = temporaryFolder();
    const plan = join(folder, 'plan.safetensors');
    const stats = join(folder, 'stats.json');
    const quantized = await made({ ...data, savePlan: plan });
    await calibrate({ model: from, output: stats, ...data });
    expect(await verify({ quantized, from, ...data })).toMatchObject({ holds: true, differences: [] });
    expect(await verify({ quantized, from, plan })).toMatchObject({ holds: true });
    // Refined on samples, which statistics do not hold.
    await expect(verify({ quantized, from, stats })).rejects.toMatchObject({ code: 'verify-needs-samples' });
    const unrefined = await made({ ...data, recipe: { refine: 'none' } });
    expect(await verify({ quantized: unrefined, from, stats })).toMatchObject({ holds: true });
    const ofStatistics = await made({ stats });
    expect(await verify({ quantized: ofStatistics, from, stats })).toMatchObject({ holds: true });
  });

  test.each<[string, Partial<QuantizeOptions>, boolean]>([
    ['weights alone', { recipe: { bits: 4 } }, false],
    ['dynamic', { recipe: { activations: { kind: 'dynamic' } } }, false],
    ['chosen samples', { ...data, samples: 64, seed: 7 }, true],
    ['refined', { ...data, seed: 3, recipe: { bits: 3, refine: 'second-order' } as never }, true],
    ['found by a search', { ...data, recipe: { bits: 4 }, auto: {}, gates: ['sqnr>15'] }, true],
  ])('%s', async (_, options, isStatic) => {
    const quantized = await made(options);
    expect(await verify({ quantized, from, ...(isStatic && data) })).toMatchObject({ holds: true });
  });

  test('under another name, with its data beside it', async () => {
    const limits = { ...defaultLimits, largeBytes: 1, fileBytes: 4096, heldBytes: 64 };
    const folder = temporaryFolder();
    const output = join(folder, 'q.onnx');
    await quantizeWithin({ model: from, output, recipe: { bits: 8 } }, limits);
    const quantized = join(folder, 'renamed.onnx');
    copyFileSync(output, quantized);
    expect(await verifyWithin({ quantized, from }, limits)).toMatchObject({ holds: true });
  });
});

describe('a file does not hold', () => {
  const namesOf = async (quantized: string, more = {}) => {
    const { holds, differences } = await verify({ quantized, from, ...data, ...more });
    expect(holds).toBe(false);
    return differences.map(({ kind, name, layer, text }) => [kind, name, layer, text]);
  };

  test('with one code altered', async () => {
    const path = altered(await made(), (model) => flip(model, 'stem.weight_q'));
    expect(await namesOf(path)).toEqual([
      [
        'tensor',
        'stem.weight_q',
        '/stem/Conv',
        expect.stringMatching(/^differs in 1 of \d+ elements, the first at 0: /),
      ],
    ]);
  });

  test('with one scale altered', async () => {
    const path = altered(await made(), (model) => flip(model, 'image_s'));
    expect(await namesOf(path)).toEqual([
      ['tensor', 'image_s', '/stem/Conv', expect.stringContaining('differs in 1 of 1 elements')],
    ]);
  });

  test('with one node altered, added or taken away', async () => {
    const quantized = await made();
    const conv = (model: Model) => model.graph.nodes.find(({ opType }) => opType === 'Conv');
    const other = altered(quantized, (model) => {
      conv(model)?.attributes.set('auto_pad', attribute.string('NOTSET'));
    });
    expect((await namesOf(other))[0]).toMatchObject([
      'node',
      expect.any(String),
      '/stem/Conv',
      'has another attribute auto_pad',
    ]);
    const more = altered(quantized, (model) => {
      const [first] = model.graph.outputs;
      model.graph.nodes.push({
        ...(conv(model) as never as Model['graph']['nodes'][0]),
        id: 'extra',
        name: 'extra',
        opType: 'Relu',
        inputs: [first?.name ?? ''],
        outputs: ['extra'],
        attributes: new Map(),
      });
    });
    expect(await namesOf(more)).toEqual([['node', 'extra', 'extra', 'is a Relu that is not of the recipe']]);
    const fewer = altered(quantized, ({ graph }) => {
      const at = graph.nodes.findIndex(
        ({ opType, outputs: [made] }) =>
          opType === 'DequantizeLinear' && graph.nodes.some(({ inputs }) => inputs.indexOf(made ?? '') === 0),
      );
      // What an activation was quantized to is read as it was before.
      const [dequantize] = graph.nodes.splice(at, 1);
      const quantizer = graph.nodes.findIndex(({ outputs: [made] }) => made === dequantize?.inputs[0]);
      const [quantize] = graph.nodes.splice(quantizer, 1);
      for (const node of graph.nodes)
        node.inputs = node.inputs.map((name) =>
          name === dequantize?.outputs[0] ? (quantize?.inputs[0] ?? '') : name,
        );
    });
    const found = await namesOf(fewer);
    expect(found.map(([kind]) => kind)).toContain('node');
    expect(found.map(([, , , text]) => text)).toContainEqual(expect.stringContaining('missing'));
  });

  test('with one entry of the metadata altered, added or taken away', async () => {
    const quantized = await made();
    const change = (work: (metadata: Map<string, string>) => void) =>
      altered(quantized, ({ metadata }) => work(metadata));
    expect(await namesOf(change((all) => all.set('author', 'me')))).toEqual([
      ['metadata', 'author', undefined, 'is not of the recipe'],
    ]);
    expect(await namesOf(change((all) => all.delete('quantize.source')))).toEqual([
      ['metadata', 'quantize.source', undefined, 'is missing'],
    ]);
    const source = (all: Map<string, string>) => all.get('quantize.source') ?? '';
    const lie = change((all) =>
      all.set('quantize.source', source(all).replace(/"float":"../, '"float":"00')),
    );
    expect(await namesOf(lie)).toEqual([
      ['metadata', 'quantize.source', undefined, expect.stringContaining(' instead of ')],
    ]);
    const recipe = change((all) =>
      all.set('quantize.recipe', (all.get('quantize.recipe') ?? '').replace('"bits":8', '"bits":7')),
    );
    expect((await namesOf(recipe)).map(([kind]) => kind)).toContain('tensor');
  });

  test('with other samples, and of another float model', async () => {
    const quantized = await made();
    const samples = await namesOf(quantized, { data: example('digits-test.npy') });
    expect(samples.map(([, name]) => name)).toContain('quantize.source');
    const other = altered(from, (model) => flip(model, 'stem.weight', 3));
    const found = await verify({ quantized, from: other, ...data });
    expect(found.differences.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['stem.weight_q', 'quantize.source']),
    );
  });

  test('encoded otherwise, and that is said', async () => {
    const quantized = await made();
    const bytes = readFileSync(quantized);
    // A field of protobuf that no reader knows changes nothing but the bytes; the last of two equal fields counts.
    const version = Buffer.from([0x08, decodeModel(new Uint8Array(bytes)).irVersion]);
    const path = join(temporaryFolder(), basename(quantized));
    writeFileSync(path, Buffer.concat([bytes, version]));
    const found = await verify({ quantized: path, from, ...data });
    expect(found).toMatchObject({ holds: false, differences: [] });
    expect(renderVerification(found)).toContain('only the encoding');
  });
});

describe('what cannot be verified', () => {
  test('is told', async () => {
    const quantized = await made();
    await expectRefusal(() => verify({ quantized: from, from }), 'verify-no-recipe', 2);
    await expectRefusal(() => verify({ quantized, from }), 'verify-needs-data', 2);
    await expectRefusal(() => verify({ quantized, from, plan: 'a', stats: 'b' }), 'bad-option', 2);
    await expectRefusal(() => verify({ quantized, from: quantized, ...data }), 'made-by-this-tool', 2);
  });
});
