import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { rawBytesOf, tensorOf } from '../../src/graph/tensor.js';
import { loadAnyModel } from '../../src/load/load-model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { twoLayers } from '../support/external-model.js';
import { randomFloats } from '../support/graph-builder.js';

const root = mkdtempSync(join(tmpdir(), 'quantize-kills-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const at = (name: string) => join(root, name);
const library = new URL('../../dist/src/run/quantize.js', import.meta.url).href;

/** Counts what makes, moves and removes names, and ends the process before one of them. */
const hook = `
  import fs from 'node:fs'; import promises from 'node:fs/promises'; import { syncBuiltinESMExports } from 'node:module';
  let count = 0;
  const before = (path) => {
    if (!String(path).startsWith(process.env.KILL_ROOT + '/out')) return;
    if (count++ === Number(process.env.KILL_AT)) process.kill(process.pid, process.env.KILL_SIGNAL);
  };
  for (const [owner, names] of [[fs, ['renameSync', 'linkSync', 'rmSync', 'fsyncSync']], [promises, ['rename', 'rm', 'mkdir']]])
    for (const name of names) {
      const original = owner[name];
      owner[name] = (path, ...rest) => { before(path); return original(path, ...rest); };
    }
  syncBuiltinESMExports();
  process.on('exit', () => fs.writeSync(1, String(count)));`;

const script = `
  const { quantizeWithin } = await import(${JSON.stringify(library)});
  const { defaultLimits } = await import(${JSON.stringify(library.replace('run/quantize', 'load/limits'))});
  const limits = { ...defaultLimits, largeBytes: 1, fileBytes: 512, heldBytes: 64 };
  const [model] = process.argv.slice(-1);
  await quantizeWithin({ model, output: process.env.KILL_ROOT + '/out/q.onnx', reports: [process.env.KILL_ROOT + '/out/r.json'], recipe: { bits: 8 } }, limits);`;

function run(model: string, killAt: number, signal: string): Promise<{ ended: string; count: number }> {
  const env = { ...process.env, KILL_ROOT: root, KILL_AT: String(killAt), KILL_SIGNAL: signal };
  const child = spawn(process.execPath, ['--import', at('hook.mjs'), at('run.mjs'), at(model)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (part: Buffer) => {
    text += part;
  });
  return new Promise((resolve) => {
    child.on('close', (code, by) => resolve({ ended: by ?? String(code), count: Number(text) }));
  });
}

/** The weights of the model that is there, in hexadecimal digits. */
async function contentOf(): Promise<string> {
  const { model } = await loadAnyModel(at('out/q.onnx'));
  const tensors = [...model.graph.initializers].sort(([a], [b]) => (a < b ? -1 : 1));
  return tensors
    .map(([name, tensor]) => `${name} ${Buffer.from(rawBytesOf(tensor) ?? []).toString('hex')}`)
    .join('\n');
}

/** Every one by \`npm run faults\`; a part of them in CI. */
const STEP = Number(process.env.KILL_STEP ?? 8);
const isTemporary = (name: string) => name.startsWith('.quantize-');

test.skipIf(process.platform === 'win32')(
  'a run that is killed at any rename leaves the old model with its data, or the new one with its own',
  { timeout: 1_800_000 },
  async () => {
    writeFileSync(at('hook.mjs'), hook);
    writeFileSync(at('run.mjs'), script);
    const model = twoLayers();
    writeFileSync(at('old.onnx'), encodeModel(model));
    model.graph.initializers.set(
      'w1',
      tensorOf({ type: 'float32', dims: [4, 8], data: randomFloats(32, 9) }),
    );
    writeFileSync(at('new.onnx'), encodeModel(model));
    mkdirSync(at('out'));
    await run('old.onnx', -1, 'SIGKILL');
    const old = await contentOf();
    const { count } = await run('new.onnx', -1, 'SIGKILL');
    const fresh = await contentOf();
    expect(fresh).not.toBe(old);
    expect(count).toBeGreaterThan(6);
    const seen = { kills: 0, old: 0, fresh: 0 };
    for (let n = 0; n < count; n += STEP)
      for (const signal of ['SIGKILL', 'SIGTERM']) {
        await run('old.onnx', -1, signal);
        expect(await contentOf()).toBe(old);
        const { ended } = await run('new.onnx', n, signal);
        const where = `${signal} before operation ${n} of ${count}`;
        // Between the renames no signal comes: a handled one is taken after all of them.
        if (signal === 'SIGKILL') expect(ended, where).toBe(signal);
        const found = await contentOf();
        expect([old, fresh], where).toContain(found);
        seen.kills++;
        if (found === old) seen.old++;
        else seen.fresh++;
        if (signal === 'SIGTERM') expect(readdirSync(at('out')).filter(isTemporary), where).toEqual([]);
        // What a killed run leaves, the next one removes, and the data of a model that is no more.
        await run('old.onnx', -1, signal);
        const names = readdirSync(at('out')).sort();
        expect(names.filter(isTemporary), where).toEqual([]);
        expect(names.slice(-2), where).toEqual(['q.onnx', 'r.json']);
        expect(JSON.parse(readFileSync(at('out/r.json'), 'utf8')).float.name).toBe('old.onnx');
      }
    console.log(`kills: ${JSON.stringify(seen)}`);
  },
);
