import type { Command } from 'commander';
import { tool } from '../version.js';
import { calibrateCommand } from './calibrate-command.js';
import { checkCommand } from './check-command.js';
import { ciCommand } from './ci-command.js';
import { compareCommand } from './compare-command.js';
import { completionCommand } from './completion-command.js';
import { doctorCommand } from './doctor-command.js';
import { EXIT_CODES } from './exit-codes.js';
import { initCommand } from './init-command.js';
import { inspectCommand } from './inspect-command.js';
import { integersCommand } from './integers-command.js';
import { listCommands } from './list-commands.js';
import { mergeCommand } from './merge-command.js';
import { quantizeCommand } from './quantize-command.js';
import type { CommandProcess } from './streams.js';
import { sweepCommand } from './sweep-command.js';
import { transformersJsCommand } from './transformers-js-command.js';
import { verifyCommand } from './verify-command.js';

/** The command with all its commands. */
export function makeProgram(process: CommandProcess): { program: Command; commands: Command[] } {
  // The main job is the program itself; its flags count before a subcommand's name only, since both have some in common.
  const program = quantizeCommand(process)
    .optionsGroup('Options:')
    .version(tool.version)
    .enablePositionalOptions()
    .helpCommand('help [command]', 'what a command takes')
    .addHelpText('after', `\nExit codes: ${EXIT_CODES}`);
  const commands = [
    initCommand(process),
    doctorCommand(process),
    ciCommand(process),
    compareCommand(process),
    sweepCommand(process),
    calibrateCommand(process),
    mergeCommand(process),
    verifyCommand(process),
    checkCommand(process),
    inspectCommand(process),
    integersCommand(process),
    transformersJsCommand(process),
    ...listCommands(process),
    completionCommand(process, program),
  ];
  for (const command of commands) program.addCommand(command);
  return { program, commands };
}
