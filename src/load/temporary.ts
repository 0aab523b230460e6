import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSystemError, QuantizeError, reasonOf } from '../errors.js';

/** Files and folders that are there only while this process works. */
const tracked = new Set<string>();

/** Signals that end the process unless it listens. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What another machine or container left so long ago is nobody's any more. */
const ABANDONED_MS = 7 * 24 * 3600 * 1000;

/** Which machine and container, which process there, and what tells the names of one process apart. */
const NAME = /^\.quantize-([0-9a-f]{8})-(\d+)-[0-9a-f]{12}\.tmp$/;

/** A process number says something only where it was given: on this machine, in this container. */
const home = createHash('sha256').update(`${hostname()}\n${processNamespace()}`).digest('hex').slice(0, 8);

function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    // Only Linux has them.
    return '';
  }
}

/** A path in a folder that nothing has, by which a later run knows what this one left behind. */
export function temporaryPath(parent: string): string {
  return join(parent, `.quantize-${home}-${process.pid}-${randomBytes(6).toString('hex')}.tmp`);
}

/** From now on a signal that ends the process takes this path with it; {@link untrack} ends that. */
export function track(path: string): void {
  if (tracked.size === 0) watch();
  tracked.add(path);
}

export function untrack(path: string): void {
  if (tracked.delete(path) && tracked.size === 0) unwatch();
}

/** Remove a temporary file or folder. What cannot be removed stays, and changes no result. */
export function removeTemporary(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The next run in this folder finds it.
  }
  untrack(path);
}

/**
 * What is there when a signal comes is removed, and the signal sent again to do what it would have done. Where somebody
 * else listens too, ending is their business.
 */
function interrupt(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  for (const path of [...tracked]) removeTemporary(path);
  process.kill(process.pid, signal);
}

function watch(): void {
  // First of all listeners: one that listens once is still counted then.
  for (const signal of signals) process.prependListener(signal, interrupt);
}

function unwatch(): void {
  for (const signal of signals) process.off(signal, interrupt);
}

/**
 * Work with a new folder that is gone afterwards, also after an error or an interruption.
 *
 * @param parent - the folder that it is made in
 * @throws QuantizeError `temporary-failed` where it cannot be made, or what is in it cannot be written or read back
 */
export async function withTemporaryFolder<T>(
  parent: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const failed = (thrown: unknown) =>
    new QuantizeError('temporary-failed', { path: parent, reason: reasonOf(thrown) }, { cause: thrown });
  sweepTemporaries(parent);
  const folder = temporaryPath(parent);
  track(folder);
  try {
    await mkdir(folder, { mode: 0o700 }).catch((thrown) => {
      throw failed(thrown);
    });
    return await work(folder);
  } catch (thrown) {
    // A call on an open file names no path.
    const isHere = isSystemError(thrown) && (thrown.path ?? folder).startsWith(folder);
    throw isHere ? failed(thrown) : thrown;
  } finally {
    removeTemporary(folder);
  }
}

/** The same, where the system keeps temporary files. */
export function withScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
  return withTemporaryFolder(tmpdir(), work);
}

/** Remove what processes that are gone have left behind in a folder. */
export function sweepTemporaries(folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    // Whoever writes there tells what is wrong with it.
    return;
  }
  for (const name of names) {
    const path = join(folder, name);
    if (isLeft(path, NAME.exec(name))) removeTemporary(path);
  }
}

function isLeft(path: string, found: RegExpExecArray | null): boolean {
  if (!found) return false;
  const [, where, id] = found;
  try {
    const { uid, mtimeMs } = lstatSync(path);
    // In a folder that many share, what is another's is not ours to remove.
    if (process.getuid && uid !== process.getuid()) return false;
    return where === home ? !isRunning(Number(id)) : Date.now() - mtimeMs > ABANDONED_MS;
  } catch {
    return false;
  }
}

function isRunning(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
