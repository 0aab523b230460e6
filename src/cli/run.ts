import { access } from 'node:fs/promises';
import chalk from 'chalk';
import { CommanderError } from 'commander';
import { exitCodes, isSystemError, QuantizeError, reasonOf } from '../errors.js';
import { escapeControls } from '../report/escape.js';
import { nearestName } from '../validate/nearest-name.js';
import { tool } from '../version.js';
import { makeProgram } from './program.js';
import type { CommandProcess } from './streams.js';

/** How commander begins the line on what was meant. */
const HINT = '\n(Did you mean ';

/** Run the command line, and set the exit code. Never throws, never prints a stack trace for what a user can mend. */
export async function run(process: CommandProcess): Promise<void> {
  const { program, commands } = makeProgram(process);
  for (const command of [program, ...commands]) {
    const called = command === program ? program.name() : `${program.name()} ${command.name()}`;
    command.showHelpAfterError(`Run \`${called} --help\` to see what it takes.`);
    command.exitOverride().configureOutput({
      writeOut: (text) => process.stdout.write(text),
      writeErr: (text) => process.stderr.write(text),
      // What it quotes is the user's; its own hint stands on a line below.
      outputError: (text, write) => write(`${text.trimEnd().split(HINT).map(escapeControls).join(HINT)}\n`),
    });
  }
  // The package that colours does not look at it.
  if (process.env?.NO_COLOR) chalk.level = 0;
  watchOutput(process);
  try {
    await refuseUnknown(process.argv[2], [...commands.map((command) => command.name()), 'help']);
    await program.parseAsync([...process.argv]);
  } catch (thrown) {
    process.exitCode = report(thrown, process);
  }
}

/** A word that is no file, and nearly the name of a command. */
async function refuseUnknown(word = '', names: readonly string[]): Promise<void> {
  if (!/^[a-z][a-z-]*$/i.test(word) || names.includes(word)) return;
  const nearest = nearestName(word, names);
  if (nearest === undefined) return;
  const isThere = await access(word).then(
    () => true,
    () => false,
  );
  if (!isThere) throw new QuantizeError('command-unknown', { name: word, nearest });
}

/** A reader that has left is no error; an output that cannot be written is the environment's. */
function watchOutput(process: CommandProcess): void {
  process.stdout.on?.('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.stderr.write(`error: the output cannot be written: ${reasonOf(error)}.\n`);
    process.exitCode = exitCodes.environment;
  });
}

function report(thrown: unknown, process: CommandProcess): number {
  // commander has printed its own message; help and version end in a "failure" of code 0.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const known = isSystemError(thrown)
    ? new QuantizeError('system-failed', { reason: reasonOf(thrown) }, { cause: thrown })
    : thrown;
  if (known instanceof QuantizeError) {
    const prefix = known.exitCode === exitCodes.interrupted ? '' : 'error: ';
    process.stderr.write(`${prefix}${escapeControls(known.message)}\n${escapeControls(known.hint)}\n`);
    return known.exitCode;
  }
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  process.stderr.write(
    `error: this is a bug of ${tool.name} ${tool.version}; please report it with what follows.\n${text.split('\n').map(escapeControls).join('\n')}\n`,
  );
  return exitCodes.bug;
}
