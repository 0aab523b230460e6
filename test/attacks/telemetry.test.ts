import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { example, runIn } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Folders of a user who has nothing yet, and the variables that lead there. */
function newHome() {
  const root = temporaryFolder();
  const folder = (name: string) => {
    mkdirSync(join(root, name));
    return join(root, name);
  };
  const [home, tmp, out] = [folder('home'), folder('tmp'), folder('out')];
  const cache = join(home, '.cache');
  const env = { HOME: home, TMPDIR: tmp, XDG_CACHE_HOME: cache, LOCALAPPDATA: home, USERPROFILE: home };
  const files = () => readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return { out, env, files };
}

describe('the telemetry of the runtime', () => {
  // A user who says otherwise has no say in what this tool sends.
  test.each(['', '0'])('leaves no file anywhere with ORT_DISABLE_TELEMETRY=%s', async (stated) => {
    const { out, env, files } = newHome();
    const args = [example('digits.onnx'), '-o', join(out, 'q.onnx')];
    const outcome = await runIn(out, args, { ...env, ORT_DISABLE_TELEMETRY: stated });
    expect(outcome).toMatchObject({ code: 0 });
    expect(files()).toEqual(['home', 'out', 'out/q.onnx', 'tmp']);
  });

  test('does not crash on a long argument', async () => {
    const { out, env, files } = newHome();
    const gate = `sqnr[${'a'.repeat(100_000)}]>=1`;
    const args = [example('digits.onnx'), '--gate', gate, '-o', join(out, 'q.onnx')];
    const outcome = await runIn(out, args, env);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('gate failed');
    expect(files()).toEqual(['home', 'out', 'out/q.onnx', 'tmp']);
  });

  test('is off for the library in a worker, too', async () => {
    const { out, env, files } = newHome();
    const worker = join(out, 'worker.mjs');
    const library = new URL('../../dist/src/index.js', import.meta.url).href;
    writeFileSync(
      worker,
      `import { isMainThread, Worker } from 'node:worker_threads';
       if (isMainThread) {
         delete process.env.ORT_DISABLE_TELEMETRY;
         new Worker(new URL(import.meta.url)).on('exit', () => console.log(process.env.ORT_DISABLE_TELEMETRY));
       } else {
         const { quantize } = await import(${JSON.stringify(library)});
         await quantize({ model: ${JSON.stringify(example('digits.onnx'))}, output: 'q.onnx' });
       }`,
    );
    const run = promisify(execFile)(process.execPath, [worker], {
      cwd: out,
      env: { ...process.env, ...env },
    });
    expect((await run).stdout.trim()).toBe('1');
    expect(files()).toEqual(['home', 'out', 'out/q.onnx', 'out/worker.mjs', 'tmp']);
  });
});
