import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/** Operations on files that can fail, by what they are called with: names, or open files. */
const named = [
  'access',
  'chmod',
  'link',
  'mkdir',
  'open',
  'readdir',
  'readlink',
  'realpath',
  'rename',
  'rm',
  'stat',
] as const;
const namedSync = [
  'closeSync',
  'copyFileSync',
  'fsyncSync',
  'linkSync',
  'lstatSync',
  'openSync',
  'readdirSync',
  'renameSync',
  'rmSync',
] as const;
const held = ['chmod', 'close', 'readFile', 'stat', 'sync', 'write', 'writeFile'] as const;

type Functions = Record<string, (...args: unknown[]) => unknown>;

/** What a run did on files, and what is to fail of it. */
export interface Faults {
  /** Operations so far, by name, in their order. */
  readonly operations: string[];
  /** The place of the operation that fails; none where it is below 0. */
  failAt: number;
}

/**
 * Do something while every operation on files is counted, and one of them fails as a broken disk would.
 *
 * @param isOurs - whether an operation by its first argument counts; those on open files always do
 */
export async function withFaults<T>(
  failAt: number,
  isOurs: (path: string) => boolean,
  work: (faults: Faults) => Promise<T>,
): Promise<T> {
  const faults: Faults = { operations: [], failAt };
  const undo: (() => void)[] = [];
  const fails = (name: string): Error | undefined => {
    faults.operations.push(name);
    if (faults.operations.length - 1 !== faults.failAt) return undefined;
    return Object.assign(new Error(`EIO: i/o error, ${name}`), { code: 'EIO', errno: -5, syscall: name });
  };
  const counts = (first: unknown) =>
    typeof first === 'number' || (typeof first === 'string' && isOurs(first));
  const patch = (owner: Functions, name: string, isSync: boolean, always: boolean) => {
    const original = owner[name];
    if (!original) return;
    owner[name] = function (this: unknown, ...args: unknown[]) {
      const error = always || counts(args[0]) ? fails(name) : undefined;
      if (!error) return original.apply(this, args);
      // A file that fails to close is closed all the same.
      if (name.startsWith('close')) original.apply(this, args);
      if (isSync) throw error;
      return Promise.reject(error);
    };
    undo.push(() => {
      owner[name] = original;
    });
  };
  const probe = await promises.open(process.execPath, 'r');
  const handles = Object.getPrototypeOf(probe) as Functions;
  await probe.close();
  for (const name of named) patch(promises as unknown as Functions, name, false, false);
  for (const name of namedSync) patch(fs as unknown as Functions, name, true, false);
  for (const name of held) patch(handles, name, false, true);
  syncBuiltinESMExports();
  try {
    return await work(faults);
  } finally {
    for (const each of undo) each();
    syncBuiltinESMExports();
  }
}
