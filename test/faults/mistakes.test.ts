import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { example, runCommand } from '../support/command.js';
import { npyBytes } from '../support/npy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const digits = example('digits.onnx');
const data = ['--data', example('digits-calib.npy'), '--scale', '1/16'];

/** A mistake, its exit code, and what its message must name. */
const mistakes: readonly (readonly [what: string, args: readonly string[], code: number, says: RegExp])[] = [
  ['no such model', ['nowhere.onnx'], 2, /no file nowhere\.onnx/],
  ['a file that is no model', [example('digits-calib.npy')], 2, /digits-calib\.npy is not an ONNX model/],
  [
    'a folder',
    ['examples'],
    2,
    /examples is a folder, and no model\.\nGive the model in it: examples\/digits\.onnx/,
  ],
  [
    'integers without preprocessing',
    [digits, '--data', example('digits-calib.npy')],
    2,
    /uint8 values.*--preprocess/s,
  ],
  [
    'a preset for other channels',
    [digits, '--data', example('digits-calib.npy'), '--preprocess', 'imagenet'],
    2,
    /3 channels/,
  ],
  [
    'labels that do not belong',
    [digits, ...data, '--labels', example('digits-test-labels.npy')],
    2,
    /797 labels for 256 samples/,
  ],
  ['no such samples', [digits, '--data', 'nowhere.npy'], 2, /no file nowhere\.npy/],
  ['an unknown format', [digits, '--data', example('README.md')], 2, /README\.md.*format is not known/],
  ['a folder without images', [digits, '--data', 'docs'], 2, /docs: the folder holds no images/],
  ['a size that is none', [digits, '--size', '224'], 2, /--size cannot be "224".*224x224/s],
  ['an unknown fit', [digits, '--resize', 'zoom'], 2, /--resize cannot be "zoom".*letterbox/s],
  ['an unknown scheme', [digits, '--scheme', 'nope'], 2, /--scheme cannot be "nope".*minmax/s],
  ['an unknown observer', [digits, '--observer', 'nope'], 2, /--observer cannot be "nope".*mse/s],
  ['two models', [digits, digits], 2, /too many arguments.*\n.*`quantize --help`/],
  ['calibrate without a model', ['calibrate'], 2, /'model'.*\n.*`quantize calibrate --help`/],
  ['no such flag', [digits, '--shards', '1/2'], 2, /unknown option '--shards'/],
  ['a shard of no search', [digits, '--shard', '1/2'], 2, /--shard is of --auto.*`quantize calibrate/s],
  ['no such metric module', [digits, '--metric', 'nowhere.mjs'], 2, /no file nowhere\.mjs/],
  ['too many bits', [digits, '--bits', '9'], 2, /--bits cannot be "9"/],
  ['bits that are no number', [digits, '--bits', 'x'], 2, /--bits cannot be "x"/],
  ['a rule for nothing', [digits, ...data, '--rule', 'nope*:bits=4'], 2, /--rule "nope\*" matches no layer/],
  ['a rule without settings', [digits, '--rule', 'nope'], 2, /--rule cannot be "nope"/],
  ['everything excluded', [digits, '--exclude', '*'], 2, /Nothing in .*digits\.onnx can be quantized/],
  ['an unknown flag', [digits, '--bitz', '4'], 2, /unknown option '--bitz'/],
  ['no arguments', [], 2, /<model> is missing/],
  [
    'an output folder that cannot be made',
    [digits, ...data, '-o', join(digits, 'x.onnx')],
    3,
    /digits\.onnx\/x\.onnx cannot be written/,
  ],
];

test.each(mistakes)('%s', async (_, args, code, says) => {
  const folder = temporaryFolder();
  const output = args.includes('-o') || args.length === 0 ? [] : ['-o', join(folder, 'x.onnx')];
  const outcome = await runCommand(...args, ...output);
  expect(readdirSync(folder)).toEqual([]);
  expect(outcome.stderr).toMatch(says);
  expect(outcome.stderr).not.toMatch(/\n\s+at /);
  expect(outcome.stdout).toBe('');
  expect(outcome.code).toBe(code);
});

test('the input is never overwritten, and a failed run leaves what was there', async () => {
  const folder = temporaryFolder();
  const model = join(folder, 'digits.onnx');
  copyFileSync(digits, model);
  const same = await runCommand(model, ...data, '-o', model);
  expect(same.code).toBe(2);
  expect(same.stderr).toContain('is the input itself');
  expect(readFileSync(model).equals(readFileSync(digits))).toBe(true);

  const output = join(folder, 'out.onnx');
  writeFileSync(output, 'precious');
  const wrong = join(folder, 'wrong.npy');
  writeFileSync(wrong, npyBytes('|u1', [2, 9, 9, 1], new Uint8Array(162)));
  const failed = await runCommand(model, '--data', wrong, '--scale', '1/16', '-o', output);
  expect(failed.code).toBe(2);
  expect(failed.stderr).toMatch(
    /\[9, 9, 1\] does not fit the model input "image", which takes samples of \[1, 8, 8\]/,
  );
  expect(readFileSync(output, 'utf8')).toBe('precious');
  expect(readdirSync(folder).sort()).toEqual(['digits.onnx', 'out.onnx', 'wrong.npy']);
});

test('neither samples nor labels nor a metric are overwritten', async () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  copyFileSync(example('digits-calib.npy'), at('calib.npy'));
  copyFileSync(example('digits-test-labels.npy'), at('labels.npy'));
  writeFileSync(at('metric.mjs'), 'export default { add() {}, result: () => ({}) };');
  const calib = ['--data', at('calib.npy'), '--scale', '1/16'];
  const runs: [string, string[]][] = [
    ['calib.npy', [digits, ...calib]],
    ['calib.npy', [digits, '--data', `image=${at('calib.npy')}`, '--scale', '1/16']],
    ['calib.npy', ['calibrate', digits, ...calib]],
    ['calib.npy', [digits, ...data, '--eval-data', at('calib.npy')]],
    ['metric.mjs', [digits, ...data, '--metric', at('metric.mjs')]],
    ['labels.npy', [digits, ...calib, '--labels', at('labels.npy')]],
  ];
  for (const [name, args] of runs) {
    const before = readFileSync(at(name));
    const { code, stderr } = await runCommand(...args, '-o', at(name));
    expect(stderr).toContain(`${at(name)} is the input itself`);
    expect(code).toBe(2);
    expect(readFileSync(at(name)).equals(before)).toBe(true);
  }
});

test('neither the configuration nor a recipe is overwritten', async () => {
  const folder = temporaryFolder();
  const [config, recipe] = [join(folder, 'config.json'), join(folder, 'recipe.json')];
  writeFileSync(config, JSON.stringify({ model: digits }));
  writeFileSync(recipe, '{"bits": 4}');
  for (const [path, args] of [
    [config, ['ci', '--config', config, '-o', config]],
    [config, ['ci', '--config', config, '-o', join(folder, 'a.onnx'), '--report', config]],
    [config, ['--config', config, '-o', config]],
    [recipe, [digits, '--recipe', recipe, '-o', recipe]],
  ] as const) {
    const before = readFileSync(path, 'utf8');
    const { code, stderr } = await runCommand(...args);
    expect(stderr).toContain(`${path} is the input itself`);
    expect(code).toBe(2);
    expect(readFileSync(path, 'utf8')).toBe(before);
  }
});

test.each([
  ['static', data],
  ['weights alone', []],
  ['dynamic', ['--dynamic']],
])('a model that was quantized by this tool is refused, with the way out: %s', async (_, how) => {
  const output = join(temporaryFolder(), 'quantized.onnx');
  expect((await runCommand(digits, ...how, '-o', output)).code).toBe(0);
  const again = await runCommand(output, ...data);
  expect(again.code).toBe(2);
  expect(again.stderr).toMatch(/quantized already.*\n.*float model/);
});
