import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What a run of the command left behind. */
export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command itself. */
export const bin = fileURLToPath(new URL('../../bin/quantize', import.meta.url));

/** A file of the repository's examples. */
export const example = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

/** Run the built command as a child process, without a terminal. */
export function runCommand(...args: string[]): Promise<CommandOutcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [bin, ...args],
      { env: { ...process.env, NO_COLOR: '1' } },
      (error, stdout, stderr) => {
        const code = error ? Number(error.code ?? 1) : 0;
        resolve({ code, stdout, stderr });
      },
    );
  });
}
