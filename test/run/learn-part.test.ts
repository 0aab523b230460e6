import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLearned } from '../../src/emit/learned-file.js';
import type { QuantizeOptions } from '../../src/options.js';
import { encodeModel } from '../../src/proto/encode.js';
import type { GivenRecipe } from '../../src/recipe.js';
import type { Result } from '../../src/report/result.js';
import { learnPart } from '../../src/run/learn-part.js';
import { mergeLearned } from '../../src/run/merge.js';
import { quantize } from '../../src/run/quantize.js';
import { runIn } from '../support/command.js';
import { randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { npyBytes } from '../support/npy.js';
import { expectRefusal } from '../support/refusal.js';

const folder = mkdtempSync(join(tmpdir(), 'quantize-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const bytes = (name: string) => readFileSync(at(name));
const text = (name: string) => bytes(name).toString();

/** Of 256 samples 64 decide whether what is learned is kept. */
const COUNT = 256;

/** x [n, 4, 6, 6] → stem → relu → two residual blocks → y, a convolution. */
function writeModel(name: string): void {
  const net = new Net();
  net.input('x', ['n', 4, 6, 6]);
  let value = net.node('Relu', [net.conv('x', 'stem')], 'r');
  for (const block of ['a', 'b']) {
    const inner = net.node('Relu', [net.conv(value, `${block}1`)], `${block}r`);
    net.node('Add', [net.conv(inner, `${block}2`), value], `${block}sum`);
    value = net.node('Relu', [`${block}sum`], `${block}out`);
  }
  writeFileSync(at(name), encodeModel(finish(net, net.conv(value, name === 'other.onnx' ? 'z' : 'y'))));
}

const refine = 'second-order,reconstruct:inputs=float:steps=12,distill:steps=3:copies=0';
const recipe: GivenRecipe = { bits: 3, allLayers: true, activations: { kind: 'static', bits: 4 }, refine };
const job = (more: Partial<QuantizeOptions> = {}): QuantizeOptions => ({
  ...{ model: at('model.onnx'), data: at('data.npy'), preprocess: { scale: 1 }, recipe, suggest: false },
  ...more,
});
const learn = (index: number, count: number, output: string, more: Partial<QuantizeOptions> = {}) =>
  learnPart({ ...job(more), shard: { index, count }, output: at(output) });
const merge = (output: string, ...inputs: string[]) =>
  mergeLearned({ inputs: inputs.map(at), output: at(output) });
const make = (output: string, more: Partial<QuantizeOptions> = {}) =>
  quantize(job({ ...more, output: at(output) }));

const shards = ['1.json', '2.json', '3.json'];

/** A file with other content, whose checksum fits. */
function rewrite(from: string, to: string, change: (file: Record<string, unknown>) => object): void {
  const { checksum: _, ...file } = JSON.parse(text(from));
  const next = change(file);
  const checksum = createHash('sha256').update(JSON.stringify(next)).digest('hex');
  writeFileSync(at(to), JSON.stringify({ ...next, checksum }));
}

describe('the shards of blocks', () => {
  let alone: Result;
  beforeAll(async () => {
    writeModel('model.onnx');
    writeModel('other.onnx');
    writeFileSync(at('data.npy'), npyBytes('<f4', [COUNT, 4, 6, 6], randomFloats(COUNT * 144, 5)));
    for (const [i, name] of shards.entries()) await learn(i + 1, 3, name);
    await learn(1, 1, 'one.json');
    await merge('whole.json', 'one.json');
    alone = await make('alone.onnx');
  }, 120_000);

  it('have each block once, about as much work in each', async () => {
    const places: number[][] = [];
    for (const name of shards) places.push((await readLearned(at(name))).blocks.map((block) => block.at));
    // Of the stem, two residual blocks and the end, these two are the largest.
    expect(places).toEqual([[1], [2], [0, 3]]);
  });

  it('have none where there are more shards than blocks', async () => {
    const { blocks, of } = await learn(6, 6, 'none.json');
    expect({ blocks, of }).toEqual({ blocks: [], of: 4 });
    expect(await readLearned(at('none.json'))).toMatchObject({ blocks: [], shard: { index: 6, count: 6 } });
  });

  it('merge, in any order, to the bytes of one shard of all', async () => {
    await merge('merged.json', '3.json', '1.json', '2.json');
    expect(text('merged.json')).toBe(text('whole.json'));
  });

  it('give the model and the record of a run that learns by itself, what runs before and behind included', async () => {
    const found = await make('found.onnx', { learned: at('whole.json') });
    expect(bytes('found.onnx').equals(bytes('alone.onnx'))).toBe(true);
    expect(found.refinements).toEqual(alone.refinements);
    const names = found.refinements.map(({ name, heldBack, blocks }) => [name, heldBack, blocks.length]);
    expect(names).toEqual([
      ['second-order', 64, 6],
      ['reconstruct', 64, 4],
      ['distill', 64, 1],
    ]);
    expect(found.refinements.slice(0, 2)).toMatchObject([{ kept: true }, { kept: true }]);
    // And what was learned is in it.
    await make('without.onnx', { recipe: { ...recipe, refine: refine.replace(/,reconstruct[^,]*/, '') } });
    expect(bytes('without.onnx').equals(bytes('alone.onnx'))).toBe(false);
  });

  it('are what the run goes by', async () => {
    rewrite('whole.json', 'less.json', (file) => {
      const [first, ...others] = file.blocks as object[];
      return { ...file, blocks: [{ ...first, weights: [], biases: [], activations: [] }, ...others] };
    });
    await make('less.onnx', { learned: at('less.json') });
    expect(bytes('less.onnx').equals(bytes('alone.onnx'))).toBe(false);
  });

  it('serve what refines otherwise behind them', async () => {
    const other = { ...recipe, refine: refine.replace(/,distill.*/, '') };
    await make('behind.onnx', { recipe: other, learned: at('whole.json') });
    await make('behind-alone.onnx', { recipe: other });
    expect(bytes('behind.onnx').equals(bytes('behind-alone.onnx'))).toBe(true);
  });

  it('name one that is lost, and leave the file that is there', async () => {
    writeFileSync(at('merged.json'), 'kept');
    const lost = await expectRefusal(() => merge('merged.json', '1.json', '3.json'), 'statistics-shards', 2);
    expect(lost.message).toContain('shard 2/3 is missing');
    expect(lost.hint).toContain('quantize … --refine … --shard 2/3');
    await expectRefusal(() => merge('merged.json', '1.json', '1.json', '2.json'), 'statistics-shards', 2);
    expect(text('merged.json')).toBe('kept');
  });

  const differing: [string, string, Partial<QuantizeOptions>][] = [
    ['model', 'model', { model: at('other.onnx') }],
    ['samples', 'samples', { samples: 255 }],
    ['settings', 'recipe, settings or seed', { recipe: { ...recipe, refine: refine.replace('12', '11') } }],
    ['settings', 'recipe, settings or seed', { recipe: { ...recipe, scheme: 'mse' } }],
    ['settings', 'recipe, settings or seed', { seed: 1, samples: COUNT }],
    ['start', 'the numbers', { recipe: { ...recipe, refine: refine.replace('second-order,', '') } }],
  ];
  it.each(differing)('of another %s are refused: they differ in %s', async (_, what, more) => {
    const error = await expectRefusal(
      () => make('no.onnx', { ...more, learned: at('whole.json') }),
      'shard-other',
      2,
    );
    expect(error.message).toContain(`differ in ${what}`);
    expect(existsSync(at('no.onnx'))).toBe(false);
  });

  it('of another kind of processor are refused, by the merge and by the run', async () => {
    const changeBasis = (file: Record<string, unknown>) => ({
      ...file,
      basis: { ...(file.basis as object), environment: '0'.repeat(64) },
    });
    rewrite('2.json', 'strange.json', changeBasis);
    const differ = await expectRefusal(() => merge('no.json', '1.json', 'strange.json'), 'shard-differ', 2);
    expect(differ.message).toContain('differ in version, runtime or machine');
    rewrite('whole.json', 'strange.json', changeBasis);
    await expectRefusal(() => make('no.onnx', { learned: at('strange.json') }), 'shard-other', 2);
  });

  it('are no whole, and the whole is no shard', async () => {
    await expectRefusal(() => make('no.onnx', { learned: at('2.json') }), 'statistics-part', 2);
    const error = await expectRefusal(() => merge('no.json', 'whole.json'), 'statistics-shards', 2);
    expect(error.message).toContain('whole.json is of a whole run');
  });

  it('are refused where a byte is damaged, or a block is not there', async () => {
    const whole = text('whole.json');
    const data = whole.indexOf('"data":"', whole.indexOf('"codes"')) + '"data":"'.length;
    const other = whole[data] === 'A' ? 'B' : 'A';
    writeFileSync(at('bad.json'), whole.slice(0, data) + other + whole.slice(data + 1));
    const error = await expectRefusal(() => make('no.onnx', { learned: at('bad.json') }), 'shard-format', 2);
    expect(error.message).toContain('checksum');
    writeFileSync(at('bad.json'), whole.slice(0, -9));
    await expectRefusal(() => make('no.onnx', { learned: at('bad.json') }), 'shard-format', 2);
    rewrite('whole.json', 'bad.json', (file) => ({ ...file, blocks: (file.blocks as []).slice(1) }));
    const short = await expectRefusal(() => make('no.onnx', { learned: at('bad.json') }), 'shard-format', 2);
    expect(short.message).toContain('does not have each of its blocks once');
  });

  it('are refused where numbers are none of the model', async () => {
    rewrite('whole.json', 'bad.json', (file) => ({
      ...file,
      blocks: (file.blocks as { activations: object[] }[]).map((block) => ({
        ...block,
        activations: [{ value: 'nowhere', grid: { scale: 1, zeroPoint: 0, low: 0, high: 15 } }],
      })),
    }));
    const error = await expectRefusal(() => make('no.onnx', { learned: at('bad.json') }), 'shard-format', 2);
    expect(error.message).toContain('its numbers do not fit the model');
  });

  it('stop where the run is asked to, and write nothing', async () => {
    const controller = new AbortController();
    const onProgress = ({ step, done }: { step: string; done: number }) => {
      if (step === 'refine' && done === 5) controller.abort();
    };
    const stopped = { signal: controller.signal, onProgress };
    const plain = { ...recipe, refine: 'reconstruct:inputs=float:steps=12' };
    await expectRefusal(() => learn(1, 1, 'stopped.json', { ...stopped, recipe: plain }), 'interrupted', 130);
    expect(existsSync(at('stopped.json'))).toBe(false);
  });

  const flagRefusals: [string, Partial<QuantizeOptions>, string][] = [
    ['blocks that read quantized inputs', { recipe: { ...recipe, refine: 'reconstruct' } }, 'inputs=start'],
    ['no such refiner', { recipe: { ...recipe, refine: 'moments' } }, 'reconstruct:inputs=start'],
    [
      'two such refiners',
      { recipe: { ...recipe, refine: 'reconstruct:inputs=float,reconstruct:inputs=float:steps=9' } },
      'several',
    ],
    ['suggestions', { suggest: true }, '--suggest'],
    ['a search by time', { tuneSpeed: true }, '--tune-speed'],
  ];
  it.each(flagRefusals)('%s are refused, in a shard and with the whole', async (_, more, told) => {
    const shard = await expectRefusal(() => learn(1, 2, 'no.json', more), 'bad-option', 2);
    expect(shard.message + shard.hint).toContain(told);
    expect(shard.message).toContain('--shard');
    const run = await expectRefusal(
      () => make('no.onnx', { ...more, learned: at('whole.json') }),
      'bad-option',
      2,
    );
    expect(run.message + run.hint).toContain(told);
    expect(run.message).toContain('--learned');
  });

  it('are not learned beside a report, or where they are learned', async () => {
    const report = await expectRefusal(
      () => learn(1, 2, 'no.json', { reports: ['a.html'] }),
      'bad-option',
      2,
    );
    expect(report.message).toContain('--report has no use with --shard');
    const both = await expectRefusal(
      () => learn(1, 2, 'no.json', { learned: at('1.json') }),
      'bad-option',
      2,
    );
    expect(both.message).toContain('--learned');
  });

  it('come by the command, whose engine says which', async () => {
    const flags = [
      '--data',
      'data.npy',
      '--scale',
      '1',
      '--bits',
      '3',
      '--act-bits',
      '4',
      '--all-layers',
      '--quiet',
    ];
    const command = ['model.onnx', ...flags, '--refine', refine, '--shard', 'auto'];
    const task = { QUANTIZE_SHARD_INDEX: '1', QUANTIZE_SHARD_COUNT: '3' };
    const shard = await runIn(folder, command, task);
    expect(shard).toEqual({
      code: 0,
      stdout: expect.stringContaining('1 of 4 blocks learned (shard 2 of 3)'),
      stderr: '',
    });
    expect(text('model.learned.2-of-3.json')).toBe(text('2.json'));
    const merged = await runIn(folder, [
      'merge',
      '3.json',
      'model.learned.2-of-3.json',
      '1.json',
      '-o',
      'm.json',
    ]);
    expect(merged).toEqual({ code: 0, stdout: 'm.json: 4 of 4 blocks learned\n', stderr: '' });
    expect(text('m.json')).toBe(text('whole.json'));
  });
});
