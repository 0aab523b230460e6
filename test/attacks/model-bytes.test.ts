import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../calibration/sampling.js';
import { QuantizeError } from '../../src/errors.js';
import { type LoadedModel, loadModel } from '../../src/load/load-model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { quantize } from '../../src/run/quantize.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { npyBytes } from '../support/npy.js';
import { encodeGraph, encodeMessage, oddMessage } from '../support/odd-model.js';
import { expectRefusal } from '../support/refusal.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';
import { smallModel } from '../support/small-model.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A folder a test, not one a load: some of them load thousands of files. */
let path: string;
beforeEach(() => {
  path = join(temporaryFolder(), 'model.onnx');
});

function load(bytes: Uint8Array): Promise<LoadedModel> {
  writeFileSync(path, bytes);
  return loadModel(path);
}
const whole = encodeModel(smallModel());

/** Loaded, or refused in words: anything else escapes and fails the test. */
async function loadsOrRefuses(bytes: Uint8Array): Promise<boolean> {
  try {
    await load(bytes);
    return true;
  } catch (thrown) {
    if (thrown instanceof QuantizeError && thrown.exitCode === 2) return false;
    throw thrown;
  }
}

describe('a cut file', () => {
  test('is refused wherever it is cut', async () => {
    for (let length = 0; length < whole.length; length++) {
      expect(await loadsOrRefuses(whole.subarray(0, length)), `${length} bytes`).toBe(false);
    }
  });

  test('the whole one is read', async () => {
    expect(await loadsOrRefuses(whole)).toBe(true);
  });
});

describe('a field that the format does not have', () => {
  const withField = (...bytes: number[]) => load(Uint8Array.from([...whole, ...bytes]));

  test('is refused as a group, whose end readers look for in different ways', async () => {
    // Field 100 begins a group, and ends it.
    const error = await expectRefusal(() => withField(0xa3, 0x06, 0xa4, 0x06), 'not-a-model', 2);
    expect(error.message).toContain('it holds a group of fields');
  });

  test('is kept as a number', async () => {
    const { model } = await withField(0xa0, 0x06, 0x01);
    expect([...encodeModel(model)]).toEqual([...whole, 0xa0, 0x06, 0x01]);
  });
});

describe('bytes that were changed', () => {
  test.each([
    ['the small model', whole],
    ['the odd model', encodeMessage(oddMessage)],
  ])('%s is read or refused, and nothing else happens', async (_, bytes) => {
    const random = seededRandom(1);
    let read = 0;
    for (let i = 0; i < 1500; i++) {
      const changed = Uint8Array.from(bytes);
      for (let n = 0; n <= i % 3; n++)
        changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256);
      if (await loadsOrRefuses(changed)) read++;
    }
    // Both ends are met: changes in weights are harmless, changes in lengths are not.
    expect(read).toBeGreaterThan(100);
    expect(read).toBeLessThan(1400);
  });

  test('unchanged, both are read', async () => {
    expect(await loadsOrRefuses(encodeMessage(oddMessage))).toBe(true);
  });
});

describe('subgraphs inside subgraphs', () => {
  const nested = (depth: number) => {
    let graph: object = { name: 'g', output: [{ name: 'y' }], node: [{ output: ['y'], op_type: 'Relu' }] };
    for (let i = 0; i < depth; i++) {
      graph = {
        name: 'g',
        output: [{ name: 'y' }],
        node: [{ output: ['y'], op_type: 'If', attribute: [{ name: 'b', type: 5, g: graph }] }],
      };
    }
    return { node: [{ output: ['z'], op_type: 'If', attribute: [{ name: 'b', type: 5, g: graph }] }] };
  };

  test('a few levels are read', async () => {
    expect(await loadsOrRefuses(encodeGraph(nested(8)))).toBe(true);
  });

  test('thousands, which would fill the stack, are refused', async () => {
    // Too deep for the encoder as well: the wire format by hand, from the inside out.
    const field = (number: number, content: Uint8Array) => {
      const head = [(number << 3) | 2];
      for (let rest = content.length; ; rest >>>= 7) {
        head.push(rest < 128 ? rest : (rest & 127) | 128);
        if (rest < 128) return Buffer.concat([Uint8Array.from(head), content]);
      }
    };
    let graph: Uint8Array = Uint8Array.of();
    // attribute.g = 6 in node.attribute = 5 in graph.node = 1.
    for (let i = 0; i < 3000; i++) graph = field(1, field(5, field(6, graph)));
    await expectRefusal(() => load(field(7, graph)), 'not-a-model', 2);
  });
});

describe('names', () => {
  test('two initializers of one name are refused', async () => {
    const tensor = { name: 'w', dims: [1], data_type: 1, float_data: [1] };
    const error = await expectRefusal(
      () => load(encodeGraph({ initializer: [tensor, tensor] })),
      'not-a-model',
      2,
    );
    expect(error.message).toContain('two initializers are named "w"');
    expect(await loadsOrRefuses(encodeGraph({ initializer: [tensor, { ...tensor, name: 'v' }] }))).toBe(true);
  });

  test('two attributes of one name are refused', async () => {
    const node = (...names: string[]) => ({
      node: [
        {
          op_type: 'MaxPool',
          input: ['x'],
          output: ['y'],
          attribute: names.map((name) => ({ name, type: 2, i: 1 })),
        },
      ],
    });
    const error = await expectRefusal(
      () => load(encodeGraph(node('ceil_mode', 'ceil_mode'))),
      'not-a-model',
      2,
    );
    expect(error.message).toContain('two attributes "ceil_mode"');
    expect(await loadsOrRefuses(encodeGraph(node('ceil_mode', 'storage_order')))).toBe(true);
  });

  test('names that mean something to JavaScript are names like any other', async () => {
    const g = new GraphBuilder();
    g.input('constructor', [2]);
    g.constant('__proto__', [2], [1, 2]);
    g.node('Add', ['constructor', '__proto__'], 'toString', {}, 'hasOwnProperty');
    g.output('toString', [2]);
    const model = g.build();
    model.metadata.set('__proto__', 'x');
    const { model: loaded } = await load(encodeModel(model));
    expect([...loaded.metadata]).toEqual([['__proto__', 'x']]);
    const x = { type: 'float32', dims: [2], data: Float32Array.of(10, 20) } as const;
    expect(numbersOf((await runIn('disabled', loaded, { constructor: x })).get('toString'))).toEqual([
      11, 22,
    ]);
  });
});

describe('names of JavaScript, through a whole run', () => {
  const values = (length: number) =>
    new Uint8Array(Float32Array.from({ length }, (_, i) => i / length - 0.5).buffer);

  test.each([
    ['constructor', '__proto__', 'toString'],
    ['__proto__', 'hasOwnProperty', 'valueOf'],
    ['isPrototypeOf', 'toString', '__proto__'],
  ])('inputs %s and %s, output %s', async (first, second, output) => {
    const g = new GraphBuilder();
    g.input(first, ['n', 8]);
    g.input(second, ['n', 4]);
    g.constant('w', [8, 4], randomFloats(32, 1));
    g.node('Add', [g.node('MatMul', [first, 'w'], 'p'), second], output);
    g.output(output, ['n', 4]);
    const folder = temporaryFolder();
    const at = (name: string) => join(folder, name);
    writeFileSync(at('m.onnx'), encodeModel(g.build()));
    writeFileSync(at('a.npy'), npyBytes('<f4', [16, 8], values(128)));
    writeFileSync(at('b.npy'), npyBytes('<f4', [16, 4], values(64)));
    const data = [`${first}=${at('a.npy')}`, `${second}=${at('b.npy')}`];
    for (const options of [{ data }, {}]) {
      const gates = [`sqnr[${output}]>=20dB`];
      const result = await quantize({ model: at('m.onnx'), output: at('q.onnx'), ...options, gates });
      expect(result.gates[0]?.passed).toBe(true);
      expect(result.outputs.map(({ name }) => name)).toEqual([output]);
    }
    writeFileSync(
      at('s.mjs'),
      `export default [Object.fromEntries(${JSON.stringify([
        [first, 8],
        [second, 4],
      ])}.map(([name, size]) => [name, { data: new Float32Array(size).fill(0.5), dims: [size] }]))];`,
    );
    const result = await quantize({ model: at('m.onnx'), output: at('q.onnx'), data: at('s.mjs') });
    expect(result.outputs.map(({ name }) => name)).toEqual([output]);
  });
});

describe('numbers', () => {
  const shaped = (dims: object[] | number[], data_type = 1) =>
    encodeGraph({ initializer: [{ name: 'w', dims, data_type, raw_data: new Uint8Array(4) }] });
  const INT64_MAX = { low: -1, high: 0x7fffffff, unsigned: false };

  test.each<[string, Uint8Array, string, string]>([
    ['a negative dimension', shaped([-1]), 'not-a-model', 'negative dimension'],
    ['a dimension beyond 2^53', shaped([INT64_MAX]), 'not-a-model', 'too large'],
    ['a product beyond all numbers', shaped(Array(30).fill(2 ** 50)), 'model-malformed', 'shape needs'],
    ['that product times 0', shaped([...Array(30).fill(2 ** 50), 0]), 'model-malformed', 'shape needs'],
    ['an element type that does not exist', shaped([1], 99), 'not-a-model', 'unknown data type 99'],
    ['no element type', shaped([1], 0), 'not-a-model', 'unknown data type 0'],
  ])('%s is refused', async (_, bytes, code, message) => {
    const error = await expectRefusal(() => load(bytes), code as 'not-a-model', 2);
    expect(error.message).toContain(message);
  });

  test('a version beyond 2^53 is refused', async () => {
    const bytes = encodeMessage({ ir_version: INT64_MAX, graph: { name: 'g' } });
    await expectRefusal(() => load(bytes), 'not-a-model', 2);
  });

  test('what the shape says is read', async () => {
    expect(await loadsOrRefuses(shaped([1]))).toBe(true);
    expect(await loadsOrRefuses(shaped([]))).toBe(true);
    expect(await loadsOrRefuses(shaped([4], 3))).toBe(true);
  });
});
