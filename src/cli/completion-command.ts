import { Argument, Command, type Option } from 'commander';
import type { CommandProcess } from './streams.js';

/** Shells whose completion is written. */
const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

const notes = `
Examples:
  quantize completion bash >> ~/.bashrc
  quantize completion zsh > "\${fpath[1]}/_quantize"
  quantize completion fish > ~/.config/fish/completions/quantize.fish`;

/** `quantize completion <shell>`: what a shell completes, made from the commands themselves. */
export function completionCommand(process: CommandProcess, program: Command): Command {
  return new Command('completion')
    .description('print the completion of commands, flags and their values for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText('after', notes)
    .action((shell: Shell) => {
      process.stdout.write(writers[shell](program));
    });
}

interface Flag {
  readonly names: readonly string[];
  readonly summary: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

function flagsOf(command: Command): Flag[] {
  const help: Flag = { names: ['-h', '--help'], summary: 'what it takes', takesValue: false, choices: [] };
  return [...command.options.map(flagOf), help];
}

const flagOf = (option: Option): Flag => ({
  names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
  summary: option.description.split('\n')[0] ?? '',
  takesValue: option.required || option.optional,
  choices: option.argChoices ?? [],
});

const longOf = (command: Command): string =>
  flagsOf(command)
    .flatMap(({ names }) => names)
    .join(' ');

const valued = (command: Command): Flag[] => flagsOf(command).filter(({ choices }) => choices.length > 0);

const writers: Readonly<Record<Shell, (program: Command) => string>> = { bash, zsh, fish };

function bash(program: Command): string {
  const name = program.name();
  const { commands } = program;
  const values = [program, ...commands].flatMap((command) => {
    const scope = command === program ? '' : command.name();
    return valued(command).flatMap(({ names, choices }) =>
      names.map(
        (flag) =>
          `    '${scope} ${flag}') COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$word")); return ;;`,
      ),
    );
  });
  return `# bash completion of ${name}
_${name}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command='' flags
  case "\${COMP_WORDS[1]}" in
    ${commands.map((command) => command.name()).join('|')}) command=\${COMP_WORDS[1]} ;;
  esac
  case "$command $before" in
${values.join('\n')}
  esac
  case "$command" in
${commands.map((command) => `    ${command.name()}) flags='${longOf(command)}' ;;`).join('\n')}
    *) flags='${longOf(program)}' ;;
  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$word")); return; fi
  COMPREPLY=($(compgen -f -- "$word"))
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY+=($(compgen -W '${commands.map((command) => command.name()).join(' ')}' -- "$word"))
  fi
}
complete -o filenames -F _${name} ${name}
`;
}

/** Text in single quotes of a shell, without what zsh reads in a description. */
const quoted = (text: string): string => text.replaceAll("'", "'\\''");
const plain = (text: string): string => quoted(text.replace(/[[\]:\\]/g, (sign) => `\\${sign}`));

function zsh(program: Command): string {
  const name = program.name();
  const specs = (command: Command) =>
    flagsOf(command).flatMap(({ names, summary, takesValue, choices }) =>
      names.map((flag) => {
        const value =
          choices.length > 0 ? `:value:(${choices.join(' ')})` : takesValue ? ':value:_files' : '';
        return `      '*${flag}[${plain(summary)}]${value}'`;
      }),
    );
  const cases = program.commands.map(
    (command) =>
      `    ${command.name()}) _arguments \\\n${specs(command).join(' \\\n')} \\\n      '*:file:_files' ;;`,
  );
  const names = program.commands.map((command) => `'${command.name()}:${plain(command.description())}'`);
  return `#compdef ${name}
# zsh completion of ${name}
_${name}() {
  local -a commands=(${names.join('\n    ')})
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then _describe command commands; _files; return; fi
  case $words[2] in
${cases.join('\n')}
    *) _arguments \\\n${specs(program).join(' \\\n')} \\\n      '*:file:_files' ;;
  esac
}
_${name} "$@"
`;
}

function fish(program: Command): string {
  const name = program.name();
  const all = program.commands.map((command) => command.name());
  const lines = [program, ...program.commands].flatMap((command) => {
    const condition =
      command === program
        ? `not __fish_seen_subcommand_from ${all.join(' ')}`
        : `__fish_seen_subcommand_from ${command.name()}`;
    return flagsOf(command).map(({ names, summary, takesValue, choices }) => {
      const parts = [
        ...names.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)),
        ...(choices.length > 0 ? [`-x -a '${choices.join(' ')}'`] : takesValue ? ['-r'] : []),
      ];
      return `complete -c ${name} -n '${condition}' ${parts.join(' ')} -d '${quoted(summary)}'`;
    });
  });
  const commands = program.commands.map(
    (command) =>
      `complete -c ${name} -n __fish_use_subcommand -a ${command.name()} -d '${quoted(command.description())}'`,
  );
  return `# fish completion of ${name}\n${[...commands, ...lines].join('\n')}\n`;
}
