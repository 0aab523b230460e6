import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';

const folders = new Set<string>();

/** Signals that end the process unless it listens. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * What is there when a signal comes is removed, and the signal sent again to do what it would have done. Where somebody
 * else listens too, ending is their business.
 */
function interrupt(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  unwatch();
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
 * @param prefix - path that the folder's begins with
 */
export async function withTemporaryFolder<T>(
  prefix: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(prefix);
  if (folders.size === 0) watch();
  folders.add(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    folders.delete(folder);
    if (folders.size === 0) unwatch();
  }
}
