import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { afterAll, expect, test } from 'vitest';
import { parseDimension } from '../../calibration/dimensions.js';
import { readLabels } from '../../calibration/labels.js';
import { openSamples } from '../../calibration/readers/readers.js';
import type { Random } from '../../calibration/sampling.js';
import { readStatisticsFile } from '../../calibration/statistics-file.js';
import { parseBytes, parseInputRange, parseShard } from '../../src/cli/parse.js';
import { readConfig } from '../../src/config/read-config.js';
import { readPlanFile } from '../../src/emit/plan-file.js';
import { QuantizeError } from '../../src/errors.js';
import { parseGate } from '../../src/gate/parse-gate.js';
import { loadAnyModel, loadModel } from '../../src/load/load-model.js';
import { decodeTensorFile } from '../../src/proto/decode-tensor.js';
import { encodeModel } from '../../src/proto/encode.js';
import { parseRule } from '../../src/recipe/rule.js';
import { registries } from '../../src/registries.js';
import { readBaseline } from '../../src/report/read-baseline.js';
import { calibrate } from '../../src/run/calibrate.js';
import { inspect } from '../../src/run/inspect.js';
import { quantize } from '../../src/run/quantize.js';
import { readRecipeFile } from '../../src/search/recipe-file.js';
import { example } from '../support/command.js';
import { externalBytes, rawBytes, twoLayers } from '../support/external-model.js';
import { fuzzing, mutated, mutatedJson, randomOf } from '../support/fuzz.js';
import { npyBytes } from '../support/npy.js';
import { encodeMessage, oddMessage } from '../support/odd-model.js';

/** Not of one test: the files of all stand there. */
const folder = mkdtempSync(join(tmpdir(), 'quantize-fuzz-'));
const at = (name: string) => join(folder, name);
const x = { name: 'x', type: 'float32', shape: ['n', 4] } as const;
const image = { name: 'x', type: 'uint8', shape: ['n', 4, 4, 3] } as const;
const numbers = new Uint8Array(Float32Array.from({ length: 32 }, (_, i) => i).buffer);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** All of what opens: a file may be fine up to its last sample. */
async function readAll(path: string, input: typeof x | typeof image = x): Promise<void> {
  const set = await openSamples({ path, inputs: [input], decodeTensor: decodeTensorFile });
  for (let i = 0; i < Math.min(set.length, 3); i++) if (!(await set.flawOf?.(i))) await set.sample(i);
}

/** How an input is made from a random number, and what takes it. */
interface Entry {
  readonly name: string;
  /** Made once: a valid input. */
  readonly valid: () => Promise<Uint8Array | string> | Uint8Array | string;
  readonly change?: (valid: string, random: Random) => Uint8Array;
  /** Of the usual number, where one takes long. */
  readonly share?: number;
  readonly take: (bytes: Uint8Array) => Promise<unknown> | unknown;
}

const asFile = (name: string, read: (path: string) => Promise<unknown>) => (bytes: Uint8Array) => {
  writeFileSync(at(name), bytes);
  return read(at(name));
};

const model = twoLayers();
const small = async (options: object) => {
  writeFileSync(at('small.onnx'), encodeModel(model));
  writeFileSync(at('small.npy'), npyBytes('<f4', [8, 4], numbers));
  await quantize({ model: at('small.onnx'), output: at('small.q.onnx'), data: at('small.npy'), ...options });
};
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const entries: readonly Entry[] = [
  { name: 'a model', valid: () => encodeModel(model), take: asFile('m.onnx', loadModel) },
  { name: 'an odd model', valid: () => encodeMessage(oddMessage), take: asFile('o.onnx', loadAnyModel) },
  {
    name: 'a model, folded and placed',
    valid: () => encodeModel(model),
    take: asFile('i.onnx', (path) => inspect({ model: path })),
  },
  {
    name: 'a network, folded and placed',
    valid: () => readFileSync(example('digits.onnx')),
    take: asFile('d.onnx', (path) => inspect({ model: path })),
  },
  {
    name: 'a network, quantized and run',
    valid: () => encodeModel(model),
    share: 1 / 4,
    take: async (bytes) => {
      writeFileSync(at('w.onnx'), bytes);
      writeFileSync(at('small.npy'), npyBytes('<f4', [8, 4], numbers));
      await quantize({ model: at('w.onnx'), output: at('w.q.onnx'), data: at('small.npy') });
    },
  },
  {
    name: 'a CNN, quantized and run',
    valid: () => readFileSync(example('digits.onnx')),
    share: 1 / 20,
    take: async (bytes) => {
      writeFileSync(at('c.onnx'), bytes);
      await quantize({
        model: at('c.onnx'),
        output: at('c.q.onnx'),
        data: example('digits-test.npy'),
        samples: 8,
        preprocess: { scale: 1 / 16 },
      });
    },
  },
  {
    name: 'external data',
    valid: () => {
      writeFileSync(at('w1.bin'), rawBytes(model, 'w1'));
      return externalBytes(model, { w1: { location: 'w1.bin', offset: 0, length: 128 } });
    },
    take: asFile('e.onnx', loadModel),
  },
  { name: '.npy', valid: () => npyBytes('<f4', [8, 4], numbers), take: asFile('x.npy', readAll) },
  {
    name: '.npz',
    valid: () => zipSync({ 'x.npy': npyBytes('<f4', [8, 4], numbers) }),
    take: asFile('x.npz', readAll),
  },
  {
    name: '.safetensors',
    valid: safetensorsOf,
    take: asFile('x.safetensors', readAll),
  },
  { name: '.bin', valid: () => numbers, take: asFile('x.bin', readAll) },
  {
    name: 'test data',
    valid: () => readFileSync(exampleTensor()),
    take: (bytes) => {
      mkdirSync(at('set'), { recursive: true });
      writeFileSync(join(at('set'), 'input_0.pb'), bytes);
      return readAll(at('set'));
    },
  },
  {
    name: 'a picture',
    valid: () =>
      sharp({ create: { width: 9, height: 7, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    take: asFile('x.png', (path) => readAll(path, image)),
  },
  {
    name: 'labels as text',
    valid: () => 'file,class\n"a,b.png",1\nc.png,2\n',
    take: asFile('l.csv', (path) => readLabels(path, { label: 'x', length: 2, names: ['a,b.png', 'c.png'] })),
  },
  {
    name: 'labels',
    valid: () => npyBytes('<i8', [2], BigInt64Array.of(1n, 2n)),
    take: asFile('l.npy', (path) => readLabels(path, { label: 'x', length: 2 })),
  },
  {
    name: 'statistics',
    valid: async () => {
      writeFileSync(at('small.onnx'), encodeModel(model));
      writeFileSync(at('small.npy'), npyBytes('<f4', [8, 4], numbers));
      await calibrate({ model: at('small.onnx'), data: at('small.npy'), output: at('s.json') });
      return readFileSync(at('s.json'), 'utf8');
    },
    change: mutatedJson,
    take: asFile('s.json', async (path) => (await readStatisticsFile(path)).readStatistics()),
  },
  {
    name: 'a recipe',
    valid: () =>
      '{"bits":4,"scheme":"mse","activations":{"kind":"static","bits":8,"observer":"mse"},"rules":[{"pattern":"a*","bits":8}],"exclude":["b"]}',
    change: mutatedJson,
    take: asFile('r.json', readRecipeFile),
  },
  {
    name: 'a plan',
    valid: async () => {
      await small({ savePlan: at('p.safetensors') });
      return readFileSync(at('p.safetensors'));
    },
    take: asFile('p.safetensors', readPlanFile),
  },
  {
    name: 'a configuration',
    valid: () => readFileSync(example('quantize.config.json'), 'utf8'),
    change: mutatedJson,
    take: asFile('c.json', (path) => readConfig({ path })),
  },
  {
    name: 'a baseline',
    valid: async () => {
      await small({ reports: [at('b.json')] });
      return readFileSync(at('b.json'), 'utf8');
    },
    change: mutatedJson,
    take: asFile('b.json', readBaseline),
  },
  { name: 'a gate', valid: () => 'sqnr_change[logits]>=-1.5dB', take: (bytes) => parseGate(text(bytes)) },
  {
    name: 'a rule',
    valid: () => '/head/*:bits=8,scheme=mse',
    take: (bytes) => parseRule(text(bytes), registries),
  },
  {
    name: 'a dimension',
    valid: () => 'floor((past + 2*seq)//8) - 1',
    take: (bytes) => parseDimension(text(bytes)),
  },
  {
    name: 'flags',
    valid: () => '300KB -1,1 2/8',
    take: (bytes) => {
      const [size = '', range = '', shard = ''] = text(bytes).split(' ');
      for (const parse of [
        () => parseBytes('--max-size', size),
        () => parseInputRange(range),
        () => parseShard(shard),
      ])
        refusedOrFine(parse);
    },
  },
];

/** A flag is refused by an error of the command line's parser, which ends in exit code 2. */
function refusedOrFine(work: () => unknown): void {
  try {
    work();
  } catch (thrown) {
    if (
      !(thrown instanceof QuantizeError) &&
      (thrown as Error).name !== 'InvalidArgumentError' &&
      (thrown as Error).name !== 'CommanderError'
    )
      throw thrown;
  }
}

/** Eight samples of the input x: the header behind its length, then the elements. */
function safetensorsOf(): Uint8Array {
  const header = Buffer.from('{"x":{"dtype":"F32","shape":[8,4],"data_offsets":[0,128]}}');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, numbers]);
}

/** The bytes of a tensor file, as a node test has them. */
function exampleTensor(): string {
  const field = (number: number, wire: number) => (number << 3) | wire;
  const bytes = [
    field(1, 0),
    1,
    field(1, 0),
    4,
    field(2, 0),
    1,
    field(8, 2),
    1,
    'x'.charCodeAt(0),
    field(9, 2),
    16,
  ];
  writeFileSync(at('t.pb'), Uint8Array.from([...bytes, ...numbers.subarray(0, 16)]));
  return at('t.pb');
}

/** In CI a few hundred an entry point; `npm run fuzz` makes 100,000 of all together. */
const COUNT = fuzzing.inputs > 0 ? Math.ceil(fuzzing.inputs / entries.length) : 200;

const allowed: readonly number[] = [2, 3];

test.each(entries.map((entry) => ({ ...entry, count: Math.ceil(COUNT * (entry.share ?? 1)) })))(
  '$name: $count changed inputs are taken or refused',
  { timeout: 3_600_000 },
  async (entry) => {
    const valid = await entry.valid();
    const bytes = typeof valid === 'string' ? new TextEncoder().encode(valid) : Uint8Array.from(valid);
    // What is not changed is taken.
    await entry.take(bytes);
    let refused = 0;
    for (let i = 0; i < entry.count; i++) {
      const random = randomOf(i);
      const change =
        entry.change && typeof valid === 'string' ? entry.change(valid, random) : mutated(bytes, random);
      try {
        await entry.take(change);
      } catch (thrown) {
        const isRefusal = thrown instanceof QuantizeError && allowed.includes(thrown.exitCode);
        if (!isRefusal) {
          const shown = Buffer.from(change.subarray(0, 4096)).toString('base64');
          throw new Error(`input ${i} of seed ${fuzzing.seed}: ${String(thrown)}\n${shown}`, {
            cause: thrown,
          });
        }
        refused++;
      }
    }
    expect(refused).toBeLessThanOrEqual(entry.count);
  },
);
