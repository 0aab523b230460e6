import { execFile } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { zipSync } from 'fflate';
import proto from 'onnx-proto';
import sharp from 'sharp';
import type { World } from './plan.js';

const run = promisify(execFile);

/** What the folders of `plan.ts` hold: models and samples under the names that the documents use, in `folder`. */
export async function makeWorld(world: World, folder: string, root: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await makers[world](folder, root);
}

const makers: Readonly<Record<World, (folder: string, root: string) => Promise<void>>> = {
  pictures: makePictures,
  arrays: makeArrays,
  words: makeWords,
  scenes: makeScenes,
  async digits(folder, root) {
    for (const name of readdirSync(join(root, 'examples')))
      if (/^digits.*\.(onnx|npy)$/.test(name)) copyFileSync(join(root, 'examples', name), join(folder, name));
  },
  async repository(folder, root) {
    cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
    for (const name of ['bin', 'node_modules']) symlinkSync(join(root, name), join(folder, name), 'junction');
  },
  async empty() {},
};

const SIZE = 32;
const CLASSES = ['circle', 'cross', 'square', 'triangle'];

/** Of each class: enough for a command to work, and few enough for all of them to run in two minutes. */
const EACH = { calib: 8, test: 16 } as const;

interface Picture {
  /** Below the folder of its set. */
  readonly path: string;
  readonly label: number;
  /** [32, 32, 3] */
  readonly bytes: Buffer;
}

/** The model of the tutorial on image classifiers, and its pictures. */
async function shapes(folder: string, root: string): Promise<Record<'calib' | 'test', Picture[]>> {
  await run(process.execPath, [join(root, 'examples/tutorials/image-classifier.mjs'), folder]);
  renameSync(join(folder, 'shapes.onnx'), join(folder, 'model.onnx'));
  const read = (set: 'calib' | 'test') =>
    Promise.all(
      CLASSES.flatMap((name, label) =>
        readdirSync(join(folder, set, name))
          .sort()
          .slice(0, EACH[set])
          .map(async (file) => {
            const path = `${name}/${file}`;
            return {
              path,
              label,
              bytes: await sharp(join(folder, set, path))
                .raw()
                .toBuffer(),
            };
          }),
      ),
    );
  return { calib: await read('calib'), test: await read('test') };
}

async function makePictures(folder: string, root: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  const { calib, test } = await shapes(folder, root);
  for (const [set, name, pictures] of [
    ['calib', 'photos', calib],
    ['test', 'val', test],
  ] as const)
    for (const { path } of pictures) {
      mkdirSync(dirname(at(`${name}/${path}`)), { recursive: true });
      renameSync(at(`${set}/${path}`), at(`${name}/${path}`));
    }
  const bytes = (pictures: readonly Picture[]) => Buffer.concat(pictures.map((picture) => picture.bytes));
  const dims = [SIZE, SIZE, 3];
  writeFileSync(at('calib.npy'), npyOf(new Uint8Array(bytes(calib)), [calib.length, ...dims]));
  for (const [set, pictures] of [
    ['test', test],
    ['train', calib],
  ] as const) {
    const name = (part: string) =>
      at(set === 'test' ? `${part}.npy`.replace('test-', '') : `train-${part}.npy`);
    writeFileSync(at(`${set}.npy`), npyOf(new Uint8Array(bytes(pictures)), [pictures.length, ...dims]));
    writeFileSync(name('labels'), labelsOf(pictures));
  }
  writeFileSync(at('labels.csv'), calib.map(({ path, label }) => `${path},${label}\n`).join(''));
  writeFileSync(at('pixels.bin'), bytes(calib));
  for (const name of ['resnet20', 'bert']) copyFileSync(at('model.onnx'), at(`${name}.onnx`));

  // What another command, another day or another tool has made.
  const quantize = (...args: readonly string[]) =>
    run(process.execPath, [join(root, 'bin/quantize'), ...args], { cwd: folder });
  const samples = ['--data', 'calib.npy', '--preprocess', 'imagenet', '--quiet'];
  const { stdout } = await quantize(
    'model.onnx',
    ...samples,
    '--samples',
    '32',
    '--json',
    '-o',
    'model.int8.onnx',
  );
  writeFileSync(at('last.json'), stdout);
  await quantize('model.onnx', '--bits', '4', '--quiet', '-o', 'model.w4.onnx');
  for (const name of ['other', 'resnet20.ort']) copyFileSync(at('model.int8.onnx'), at(`${name}.onnx`));
  writeFileSync(at('model.auto.recipe.json'), '{ "rules": [{ "pattern": "logits", "bits": 4 }] }\n');
  const config = { model: 'model.onnx', data: 'photos', preprocess: 'imagenet', gates: ['sqnr>=15dB'] };
  writeFileSync(at('quantize.config.json'), JSON.stringify(config));
}

async function makeArrays(folder: string, root: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  const { calib, test } = await shapes(folder, root);
  const dims = [3, SIZE, SIZE];
  // 0 to 1, channels first, as the model takes it.
  const floats = (pictures: readonly Picture[]) => {
    const places = SIZE * SIZE;
    const data = new Float32Array(pictures.length * 3 * places);
    for (const [n, { bytes }] of pictures.entries())
      for (const [i, value] of bytes.entries())
        data[n * 3 * places + (i % 3) * places + Math.floor(i / 3)] = value / 255;
    return data;
  };
  const some = floats(calib);
  const bytes = Buffer.from(some.buffer);
  writeFileSync(at('calib.npy'), npyOf(floats(calib), [calib.length, ...dims]));
  writeFileSync(at('calib.npz'), zipSync({ 'image.npy': npyOf(some, [calib.length, ...dims]) }));
  writeFileSync(at('calib.bin'), bytes);
  const header = JSON.stringify({
    image: { dtype: 'F32', shape: [calib.length, ...dims], data_offsets: [0, bytes.length] },
  });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(at('calib.safetensors'), Buffer.concat([length, Buffer.from(header), bytes]));
  writeFileSync(at('test.npy'), npyOf(floats(test), [test.length, ...dims]));
  writeFileSync(at('labels.npy'), labelsOf(test));
  for (const place of ['test_data_set_0', 'tests/test_data_set_0', 'tests/test_data_set_1']) {
    mkdirSync(at(place), { recursive: true });
    const tensor = proto.onnx.TensorProto.fromObject({ name: 'image', dims: [8, ...dims], dataType: 1 });
    tensor.rawData = new Uint8Array(some.buffer.slice(0, some.byteLength / 4));
    writeFileSync(at(`${place}/input_0.pb`), proto.onnx.TensorProto.encode(tensor).finish());
  }
  // In the place of the document's, which needs a tokenizer: a module of the same form.
  writeFileSync(
    at('samples.mjs'),
    `import { readFileSync } from 'node:fs';
export default async function* () {
  const floats = new Float32Array(new Uint8Array(readFileSync(new URL('calib.bin', import.meta.url))).buffer);
  for (let i = 0; i < ${calib.length}; i++) yield { image: { data: floats.subarray(${3 * SIZE * SIZE} * i, ${3 * SIZE * SIZE} * (i + 1)), dims: ${JSON.stringify(dims)} } };
}
`,
  );
}

async function makeWords(folder: string, root: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  await run(process.execPath, [join(root, 'examples/tutorials/transformer.mjs'), folder]);
  renameSync(at('topics.onnx'), at('model.onnx'));
  copyFileSync(at('model.onnx'), at('minilm.onnx'));
  for (const [from, to] of [
    ['calib', 'minilm-calib'],
    ['test', 'minilm-eval'],
  ]) {
    const part = (name: string) => readFileSync(at(`${from}-${name}.npy`));
    writeFileSync(
      at(`${to}.npz`),
      zipSync({ 'input_ids.npy': part('ids'), 'attention_mask.npy': part('mask') }),
    );
  }
  // A folder as transformers.js has it, with a tokenizer of the model's 400 words.
  mkdirSync(at('my-model/onnx'), { recursive: true });
  copyFileSync(at('model.onnx'), at('my-model/onnx/model.onnx'));
  const words = Array.from({ length: 400 }, (_, i) => (i === 0 ? '[UNK]' : `word${i}`));
  const tokenizer = {
    ...{ version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, decoder: null },
    ...{ pre_tokenizer: { type: 'WhitespaceSplit' }, post_processor: null },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  };
  const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
  writeFileSync(
    at('my-model/tokenizer.json'),
    JSON.stringify({ ...tokenizer, model: { ...tokenizer.model, vocab } }),
  );
  writeFileSync(
    at('my-model/tokenizer_config.json'),
    '{ "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64 }',
  );
  for (const [name, first] of [
    ['sentences', 1],
    ['others', 200],
  ] as const)
    writeFileSync(
      at(`${name}.txt`),
      Array.from(
        { length: 24 },
        (_, i) => `${words.slice(first + 7 * i, first + 7 * i + 12).join(' ')}\n`,
      ).join(''),
    );
  for (const name of ['ids', 'mask']) copyFileSync(at(`calib-${name}.npy`), at(`${name}.npy`));
}

async function makeScenes(folder: string, root: string): Promise<void> {
  await run(process.execPath, [join(root, 'examples/tutorials/detector.mjs'), folder]);
  renameSync(join(folder, 'discs.onnx'), join(folder, 'model.onnx'));
  renameSync(join(folder, 'calib'), join(folder, 'photos'));
}

const labelsOf = (pictures: readonly Picture[]): Buffer =>
  npyOf(
    BigInt64Array.from(pictures, ({ label }) => BigInt(label)),
    [pictures.length],
  );

/** An array as numpy.save writes it. */
function npyOf(data: Uint8Array | Float32Array | BigInt64Array, dims: readonly number[]): Buffer {
  const descr = data instanceof Uint8Array ? '|u1' : data instanceof Float32Array ? '<f4' : '<i8';
  const shape = dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(', ')})`;
  const header = `${`{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117)}\n`;
  const prefix = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
  return Buffer.concat([
    prefix,
    Buffer.from(header),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
}
