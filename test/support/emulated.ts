import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const script = fileURLToPath(new URL('./run-model.mjs', import.meta.url));

/** An x86 with AVX2 and without VNNI, on any x86: user-mode emulation of the package qemu-user. */
const emulator = ['qemu-x86_64', '-cpu', 'Haswell'] as const;

/** Whether this machine can emulate one. */
export async function hasEmulator(): Promise<boolean> {
  if (platform() !== 'linux' || arch() !== 'x64') return false;
  return run(emulator[0], ['--version']).then(
    () => true,
    () => false,
  );
}

/**
 * What models give for the rows of a raw float32 file.
 *
 * @param dims - of all rows together
 * @param where - this machine, or the emulated one
 * @returns the first output of each model, all rows one after the other
 */
export async function outputsOf(
  models: readonly string[],
  input: string,
  dims: readonly number[],
  where: 'here' | 'without VNNI',
): Promise<Float32Array[]> {
  const command = [...(where === 'here' ? [] : emulator), process.execPath, script, input, dims.join('x')];
  const [program, ...args] = [...command, ...models] as [string, ...string[]];
  await run(program, args);
  return Promise.all(
    models.map(async (model) => {
      const bytes = await readFile(`${model}.out`);
      return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    }),
  );
}
