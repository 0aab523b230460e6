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
export const runCommand = (...args: string[]): Promise<CommandOutcome> => runIn(undefined, args);

/** The same in a folder, with other variables of the environment. */
export function runIn(
  cwd: string | undefined,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandOutcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [bin, ...args],
      // What a workflow sets is a test's own to set.
      { cwd, env: { ...process.env, NO_COLOR: '1', GITHUB_ACTIONS: '', GITHUB_STEP_SUMMARY: '', ...env } },
      (error, stdout, stderr) => {
        const code = error ? Number(error.code ?? 1) : 0;
        resolve({ code, stdout, stderr });
      },
    );
  });
}
