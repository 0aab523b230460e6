import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { fillFolder } from '../../src/transformers-js/fill-folder.js';
import { finish, Net } from '../support/nets.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { TINY_WORDS, writeTinyTokenizer } from '../support/tiny-tokenizer.js';

/** A folder with a MatMul of 64 × 32, and a model that has no layer. */
async function repository(name: string): Promise<string> {
  const root = join(temporaryFolder(), name);
  await mkdir(join(root, 'onnx'), { recursive: true });
  const net = new Net();
  net.input('x', [1, 64]);
  const bare = new Net();
  bare.input('x', [1, 4]);
  await writeFile(join(root, 'onnx', 'model.onnx'), encodeModel(finish(net, net.gemm('x', 'y', 64, 32))));
  await writeFile(
    join(root, 'onnx', 'encoder_model.onnx'),
    encodeModel(finish(bare, bare.node('Relu', ['x'], 'y'))),
  );
  return root;
}

it('makes the files of each model by their suffix, and names those that it cannot make', async () => {
  const root = await repository('both');
  const made = await fillFolder({ folder: root, dtypes: ['q8'] });
  expect(made.map(({ path }) => path)).toEqual([
    join(root, 'onnx', 'encoder_model_quantized.onnx'),
    join(root, 'onnx', 'model_quantized.onnx'),
  ]);
  const [left, filled] = made;
  expect(left && 'left' in left && left.left).toMatch(/^Nothing in /);
  expect(filled && 'result' in filled && filled.result.recipe?.activations.kind).toBe('dynamic');
  expect((await readdir(join(root, 'onnx'))).sort()).toEqual([
    'encoder_model.onnx',
    'model.onnx',
    'model_quantized.onnx',
  ]);
  // A file that was made is not taken for a float model, nor written over.
  const before = await readFile(join(root, 'onnx', 'model_quantized.onnx'));
  await expect(fillFolder({ folder: root, dtypes: ['q8'] })).rejects.toThrow(/model_quantized.onnx already/);
  expect(await readFile(join(root, 'onnx', 'model_quantized.onnx'))).toEqual(before);
  expect(await fillFolder({ folder: root, dtypes: ['q8'], force: true })).toHaveLength(2);
});

it('refuses a folder without models', async () => {
  await expect(fillFolder({ folder: join(temporaryFolder(), 'none') })).rejects.toThrow(
    /no float model in .*onnx/,
  );
});

it('refuses a file that it cannot make by its name, before it looks at anything', async () => {
  const refused = fillFolder({ folder: join(temporaryFolder(), 'none'), dtypes: ['q8', 'int4'] });
  await expect(refused).rejects.toMatchObject({ code: 'bad-option', hint: expect.stringMatching(/int8/) });
});

/** A table of the words of the tiny tokenizer, 64 long, and a MatMul of 64 × 32. */
async function textRepository(): Promise<string> {
  const root = temporaryFolder();
  await mkdir(join(root, 'onnx'), { recursive: true });
  writeTinyTokenizer(root);
  const net = new Net();
  net.input('input_ids', ['batch', 'sequence'], 'int64');
  net.matMul(net.node('Gather', [net.random('table', [TINY_WORDS, 64]), 'input_ids'], 'rows'), 'y', 64, 32);
  await writeFile(join(root, 'onnx', 'model.onnx'), encodeModel(finish(net, 'y')));
  return root;
}

it('measures on text by the tokenizer of the folder, and makes every file', async () => {
  const root = await textRepository();
  const text = join(root, 'samples.txt');
  await writeFile(text, 'The cats sat.\nthe cat on the mat\n');
  const made = await fillFolder({ folder: root, evalData: text });
  expect(made.map(({ dtype, path }) => [dtype, basename(path)])).toEqual([
    ['fp16', 'model_fp16.onnx'],
    ['q8', 'model_quantized.onnx'],
    ['int8', 'model_int8.onnx'],
    ['uint8', 'model_uint8.onnx'],
    ['q4', 'model_q4.onnx'],
    ['q4f16', 'model_q4f16.onnx'],
    ['bnb4', 'model_bnb4.onnx'],
  ]);
  for (const each of made) {
    if ('left' in each) throw new Error(each.left);
    expect(each.result.evaluation).toMatchObject({ samples: 2, kind: 'evaluation' });
    expect(each.result.outputs[0]?.deployed.sqnrDb).toBeGreaterThan(each.dtype === 'fp16' ? 60 : 15);
  }
  // All that is quantized or halved: nothing of 64 elements is left in 32 bits but scales.
  const half = decodeModel(await readFile(join(root, 'onnx', 'model_fp16.onnx')));
  const kinds = [...half.graph.initializers.values()].map(({ dataType }) => dataType);
  expect(kinds.sort()).toEqual(['float16', 'float16']);
});

it('makes every file where samples are given, too: those of weights alone are refined by them', async () => {
  const root = await textRepository();
  const text = join(root, 'samples.txt');
  const words = ['the cat sat on', 'on the mat', 'cats on the', 'the mat sat on the'];
  await writeFile(
    text,
    Array.from({ length: 32 }, (_, i) => `${words[i % 4]} ${words[(i >> 2) % 4]}\n`).join(''),
  );
  const made = await fillFolder({ folder: root, data: text });
  const left = made.flatMap((each) => ('left' in each ? [each.left] : []));
  expect(left).toEqual([]);
  const kinds = made.map((each) => ('result' in each ? each.result.recipe?.activations.kind : undefined));
  expect(kinds.slice(1)).toEqual(['dynamic', 'dynamic', 'dynamic', 'float', 'float', 'float']);
});
