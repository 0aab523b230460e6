import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { openSamples } from '../../../calibration/readers/readers.js';
import type { InputSpec } from '../../../calibration/source.js';
import { expectRefusal } from '../../support/refusal.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { tinyTokenizer, writeTinyTokenizer } from '../../support/tiny-tokenizer.js';

afterEach(() => vi.doUnmock('@huggingface/tokenizers'));

const spec = (name: string, type = 'int64', length: string | number = 'sequence'): InputSpec => ({
  ...{ name, type, shape: ['batch', length] },
});

interface Asked {
  readonly config?: object;
  readonly tokenizer?: string | null;
}

function open(text: string | Uint8Array, inputs: InputSpec[], { config, tokenizer }: Asked = {}) {
  const folder = temporaryFolder();
  writeTinyTokenizer(folder, config);
  const path = join(folder, 'samples.txt');
  writeFileSync(path, text);
  return openSamples({ path, inputs, tokenizer: tokenizer === null ? undefined : (tokenizer ?? folder) });
}

// Tokens as the Python package tokenizers 0.22 gives them for this tokenizer.
const cats = [2, 4, 5, 9, 6, 10, 3];
const dog = [2, 4, 1, 6, 7, 4, 8, 3];

const int64 = (values: readonly number[]) => ({
  ...{ type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) },
});

it('gives the tokens of each line, special ones included, to the inputs by their names', async () => {
  const inputs = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'].map((name) => spec(name));
  const set = await open('The cats sat.\n\n  \nthe dog sat on the mat\r\n', inputs);
  expect(set.length).toBe(2);
  expect(await set.sample(0)).toEqual({
    input_ids: int64(cats),
    attention_mask: int64(cats.map(() => 1)),
    token_type_ids: int64(cats.map(() => 0)),
    position_ids: int64([0, 1, 2, 3, 4, 5, 6]),
  });
  expect((await set.sample(1)).input_ids).toEqual(int64(dog));
});

it('takes a tokenizer without a template, which gives no types', async () => {
  const folder = temporaryFolder();
  writeTinyTokenizer(folder);
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ ...tinyTokenizer, post_processor: null }));
  const inputs = [spec('input_ids'), spec('token_type_ids')];
  const set = await open('the cat sat', inputs, { tokenizer: folder });
  expect(await set.sample(0)).toEqual({ input_ids: int64([4, 5, 6]), token_type_ids: int64([0, 0, 0]) });
});

it('fills a fixed length with what says that nothing stands there, and cuts what is longer', async () => {
  const inputs = [spec('input_ids', 'int32', 9), spec('attention_mask', 'float32', 9)];
  const set = await open('the dog sat on the mat', inputs, { config: { pad_token: { content: '[UNK]' } } });
  const sample = await set.sample(0);
  expect(sample.input_ids).toEqual({ type: 'int32', dims: [9], data: Int32Array.of(...dog, 1) });
  expect(sample.attention_mask?.data).toEqual(Float32Array.of(1, 1, 1, 1, 1, 1, 1, 1, 0));
  const short = await open('the dog sat on the mat', [spec('input_ids', 'int64', 3)]);
  expect((await short.sample(0)).input_ids).toEqual(int64([2, 4, 1]));
});

it('cuts a text where its tokenizer says that the model takes no more', async () => {
  const set = await open('the dog sat on the mat', [spec('input_ids')], { config: { model_max_length: 5 } });
  expect((await set.sample(0)).input_ids).toEqual(int64([2, 4, 1, 6, 7]));
});

it('refuses what it cannot read, in one sentence', async () => {
  const ids = [spec('input_ids')];
  await expectRefusal(() => open('a', ids, { tokenizer: null }), 'tokenizer-missing', 2);
  await expectRefusal(() => open('\n \n', ids), 'data-empty', 2);
  await expectRefusal(() => open(Uint8Array.of(0xff, 0xfe), ids), 'data-format', 2);
  const missing = await expectRefusal(() => open('a', [spec('pixel_values')]), 'text-input-unknown', 2);
  expect(missing.message).toContain('pixel_values');
  await expectRefusal(() => open('a', ids, { tokenizer: '/no/such/folder' }), 'file-missing', 2);
  const folder = temporaryFolder();
  writeTinyTokenizer(folder);
  writeFileSync(join(folder, 'tokenizer.json'), '[]');
  await expectRefusal(() => open('a', ids, { tokenizer: folder }), 'data-format', 2);
  writeFileSync(join(folder, 'tokenizer.json'), '{"model": {}}');
  await expectRefusal(() => open('a', ids, { tokenizer: folder }), 'data-format', 2);
});

it('says which package is missing', async () => {
  vi.doMock('@huggingface/tokenizers', () => {
    throw new Error('Cannot find package');
  });
  const error = await expectRefusal(() => open('a', [spec('input_ids')]), 'tokenizer-unavailable', 3);
  expect(error.hint).toContain('npm install @huggingface/tokenizers');
});
