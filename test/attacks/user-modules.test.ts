import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSamples } from '../../calibration/readers/readers.js';
import { loadModule as loadMetric } from '../../src/evaluate/user-metric.js';
import { refuseFailedModules, UserModule, withUserModules } from '../../src/modules/user-module.js';
import { example, runIn } from '../support/command.js';
import { expectRefusal, refusalOf } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const image = { name: 'image', type: 'float32', shape: ['n', 1, 8, 8] } as const;

const write = (code: string, name = 'mine.mjs'): string => {
  const path = join(temporaryFolder(), name);
  writeFileSync(
    path,
    `const s = () => ({ data: new Float32Array(64).fill(0.5), dims: [1, 8, 8] });\n${code}`,
  );
  return path;
};

const four = 'export default function* () { for (let i = 0; i < 4; i++) yield s(); }';
const gives = (value: string) => `export default function* () { yield ${value}; }`;

/** What a module does, and what the message says. */
const mistakes: readonly (readonly [what: string, code: string, says: RegExp])[] = [
  ['exits at import', 'process.exit(0); export default [];', /it called process\.exit\(0\)/],
  ['exits with 0', 'export default function* () { yield s(); process.exit(0); }', /process\.exit\(0\)/],
  ['exits with 1', 'export default function* () { yield s(); process.exit(1); }', /process\.exit\(1\)/],
  ['never settles at import', 'await new Promise(() => {}); export default [];', /never settles/],
  ['never settles', 'export default async function* () { await new Promise(() => {}); }', /never settles/],
  ['gives what never settles', gives('{ then() {} }'), /never settles/],
  ['rejects', `Promise.reject(new Error('nobody')); ${four}`, /nothing waited for it: nobody/],
  ['throws at import', 'throw new Error("at import"); export default [];', /at import/],
  ['is no JavaScript', 'export default (((', /Unexpected end/],
  ['throws null', 'export default function* () { throw null; }', /null/],
  [
    'throws what throws',
    'export default function* () { throw { toString() { throw 2; } }; }',
    /cannot be read/,
  ],
  [
    'throws a proxy',
    'export default function* () { throw new Proxy(new Error(), { get() { throw 3; }, getPrototypeOf() { throw 4; } }); }',
    /failed/,
  ],
  ['has a getter that throws', gives('{ get image() { throw new Error("getter"); } }'), /getter/],
  ['gives a proxy', gives('new Proxy({}, { get() { throw new Error("got"); } })'), /got/],
  ['is a proxy', 'export default new Proxy({}, { get() { throw new Error("got"); } });', /got/],
  ['has keys that throw', gives('new Proxy({}, { ownKeys() { throw new Error("keys"); } })'), /keys/],
  ['gives too few', gives('{ data: new Float32Array(63), dims: [1, 8, 8] }'), /63 elements/],
  ['has negative sizes', gives('{ data: new Float32Array(64), dims: [-1, 8, -8] }'), /no list of sizes/],
  ['has a text for dims', gives('{ data: new Float32Array(64), dims: "abc" }'), /no list of sizes/],
  ['has endless dims', gives('{ data: new Float32Array(64), dims: { length: 1e9 } }'), /no list of sizes/],
  ['has huge sizes', gives('{ data: new Float32Array(64), dims: [1e308, 1e308] }'), /no list of sizes/],
  ['gives a number', gives('5'), /has no array.*it has: 5/],
  ['gives a symbol', gives('Symbol("x")'), /Symbol\(x\)/],
  ['gives a view', gives('new DataView(new ArrayBuffer(256))'), /has no array/],
  ['exports nothing', 'export const x = 1;', /no iterable/],
  ['exports a text', 'export default "abc";', /no iterable/],
  ['is empty', 'export default [];', /no samples/],
];

describe('a samples module that', () => {
  test.each(mistakes)('%s is refused by its name', async (_, code, says) => {
    const path = write(code);
    const error = await withUserModules(() => refusalOf(() => openSamples({ path, inputs: [image] })));
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain('mine.mjs');
    expect(error.message).toMatch(says);
  });

  test('is in order is read, its classes and getters too', async () => {
    const codes = [
      four,
      gives('new (class extends Float32Array {})(64)'),
      gives('{ get image() { return s(); } }'),
      gives('Promise.resolve(s())'),
      'export default new Set([s()]);',
      'export default async () => [s()];',
      'export default { async *[Symbol.asyncIterator]() { yield s(); } };',
    ];
    for (const code of codes) {
      const set = await openSamples({ path: write(code), inputs: [image] });
      expect((await set.sample(0)).image).toMatchObject({ type: 'float32', dims: [1, 8, 8] });
    }
  });
});

describe('a module that fails when nothing is asked of it', () => {
  test.each([
    ['throws', `setTimeout(() => { throw new Error('late'); }, 50).unref(); ${four}`, 'late'],
    ['rejects', `setTimeout(() => Promise.reject(new Error('late')), 50).unref(); ${four}`, 'late'],
    ['exits', `setTimeout(() => process.exit(0), 50).unref(); ${four}`, 'it called process.exit(0)'],
  ])('and %s fails the run', async (_, code, says) => {
    const path = write(code);
    const run = withUserModules(async () => {
      await openSamples({ path, inputs: [image] });
      await new Promise((resolve) => setTimeout(resolve, 500));
      await refuseFailedModules();
    });
    const error = await expectRefusal(() => run, 'module-ended', 2);
    expect(error.message).toBe(
      `${path} failed: ${says.startsWith('it') ? '' : 'it threw where nothing waited for it: '}${says}.`,
    );
  });

  test('and waits with a timer is given up', async () => {
    const path = write('setInterval(() => {}, 1000); await new Promise(() => {});');
    await expect(UserModule.load(path, 200)).rejects.toThrow('it gave nothing for 0.2 s');
  });
});

describe('a metric module that', () => {
  const metric = (body: string) => `export default { add() {}, result() { ${body} } };`;
  const empty = new Map();
  const measure = async (code: string) => {
    const meter = await (await loadMetric(write(code)))();
    await meter.add({ float: empty, quantized: empty }, undefined, { size: 1, samples: 1 }, 0);
    return meter.result();
  };

  test.each([
    ['exits', metric('process.exit(0);'), 'metric-failed', /process\.exit/],
    [
      'exits when it is added to',
      'export default { add() { process.exit(0); }, result() {} };',
      'metric-failed',
      /add of/,
    ],
    ['never settles', metric('return new Promise(() => {});'), 'metric-failed', /never settles/],
    [
      'has a getter that throws',
      metric('return { get a() { throw new Error("x"); } };'),
      'metric-failed',
      /x/,
    ],
    [
      'gives a proxy',
      metric('return new Proxy({}, { ownKeys() { throw new Error("x"); } });'),
      'metric-failed',
      /x/,
    ],
    ['gives a list', metric('return [1];'), 'metric-result', /an array/],
    ['has no add', 'export default { result() {} };', 'metric-contract', /result/],
  ] as const)('%s is refused by its name', async (_, code, kind, says) => {
    const error = await expectRefusal(() => measure(code), kind, 2);
    expect(error.message).toContain('mine.mjs');
    expect(error.message).toMatch(says);
  });

  test('is in order is asked', async () => {
    expect(await measure(metric('return { a: 1, b: { float: 2, quantized: Infinity } };'))).toEqual([
      { name: 'a', float: null, quantized: 1 },
      { name: 'b', float: 2, quantized: null },
    ]);
  });
});

describe('the command', () => {
  const run = async (code: string, ...args: string[]) => {
    const folder = temporaryFolder();
    writeFileSync(
      join(folder, 'mine.mjs'),
      `const s = () => ({ data: new Float32Array(64).fill(0.5), dims: [1, 8, 8] });\n${code}`,
    );
    copyFileSync(example('digits.onnx'), join(folder, 'm.onnx'));
    const outcome = await runIn(folder, ['m.onnx', '-o', 'q.onnx', ...args]);
    return { ...outcome, files: readdirSync(folder).sort() };
  };
  const data = ['--data', 'mine.mjs'];

  test.each([
    ['exits with 0 late', `setTimeout(() => process.exit(0), 100); ${four}`, data],
    ['throws late', `setTimeout(() => { throw new Error('late'); }, 100); ${four}`, data],
    ['never settles', 'export default async function* () { yield s(); await new Promise(() => {}); }', data],
    [
      'exits as a metric',
      'export default { add() {}, result() { process.exit(0); } };',
      ['--metric', 'mine.mjs'],
    ],
  ])('ends with exit 2 and writes nothing where a module %s', async (_, code, args) => {
    const { code: exit, stderr, stdout, files } = await run(code, ...args);
    expect(stderr).toMatch(/^error: mine\.mjs failed/);
    expect({ exit, stdout, files }).toEqual({ exit: 2, stdout: '', files: ['m.onnx', 'mine.mjs'] });
  });

  test('takes what a module prints, and its JSON stays JSON', async () => {
    const code = `setInterval(() => {}, 50).unref(); console.log('hello'); process.exitCode = 7; ${four}`;
    const { code: exit, stdout, stderr } = await run(code, ...data, '--json');
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty('schemaVersion');
    expect(stderr).toContain('hello');
  });

  test.each([
    ['again and again', 'setInterval(() => {}, 50)'],
    ['for long', 'setTimeout(() => {}, 1e8)'],
  ])('refuses a module that leaves a timer behind that runs %s', async (_, timer) => {
    const { code, stderr } = await run(`${timer}; ${four}`, ...data);
    expect(code).toBe(2);
    expect(stderr).toContain(
      'mine.mjs failed while it made samples: it leaves a timer running after its work.',
    );
  });

  test('takes a timer of an iteration that clears it, and one that ends soon', async () => {
    const body =
      'const t = setInterval(() => {}, 9); try { yield s(); yield s(); } finally { clearInterval(t); }';
    const { code } = await run(
      `setTimeout(() => {}, 300); export default async function* () { ${body} }`,
      ...data,
    );
    expect(code).toBe(0);
  });
});
