import type { Command } from 'commander';
import { tool } from '../version.js';
import { EXIT_CODES } from './exit-codes.js';

/** What a manual reads otherwise: its escapes, a dot or a quote at the start of a line. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

/** The manual in roff's man macros (man(7)), made of the help of every command. */
export function renderMan(program: Command): string {
  const { commands } = program;
  const name = program.name();
  return `.TH ${name.toUpperCase()} 1 "" "${tool.name} ${tool.version}" "User Commands"
.SH NAME
${name} \\- ${roff(program.description())}
.SH SYNOPSIS
${[program, ...commands].map((command) => `.B ${roff(command === program ? name : `${name} ${command.name()}`)}\n${roff(usageOf(command))}\n.br`).join('\n')}
.SH OPTIONS
${options(program)}
.SH COMMANDS
${commands.map((command) => `.SS ${roff(`${name} ${command.name()}`)}\n${roff(command.description())}\n${options(command)}`).join('\n')}
.SH EXIT STATUS
${EXIT_CODES}
`;
}

const usageOf = (command: Command): string =>
  [
    '[options]',
    ...command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`)),
  ].join(' ');

const options = (command: Command): string =>
  command.options.map(({ flags, description }) => `.TP\n.B ${roff(flags)}\n${roff(description)}`).join('\n');
