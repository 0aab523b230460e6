import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** One whole process: from its start to its end. */
export interface ProcessCost {
  readonly seconds: number;
  /** High-water mark of its resident memory, in bytes; NaN where /proc does not tell. */
  readonly peakBytes: number;
}

/** How often the high-water mark is read: it only grows, so that the last reading counts. */
const POLL_MS = 10;

/**
 * Run a command to its end.
 *
 * @throws Error with what it wrote to stderr, where it fails
 */
export function measureProcess(command: string, args: readonly string[]): Promise<ProcessCost> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let peakBytes = Number.NaN;
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += text;
    });
    const poll = setInterval(() => {
      peakBytes = highWaterMark(child.pid) ?? peakBytes;
    }, POLL_MS);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(poll);
      if (code !== 0) reject(new Error(`${command} ${args.join(' ')} ended with ${code}: ${errors}`));
      else resolve({ seconds: (performance.now() - started) / 1000, peakBytes });
    });
  });
}

function highWaterMark(pid: number | undefined): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kibibytes = /^VmHWM:\s+(\d+)/m.exec(status)?.[1];
    return kibibytes === undefined ? undefined : 1024 * Number(kibibytes);
  } catch {
    // The process has just ended, or this is no Linux: the last reading stands.
    return undefined;
  }
}
