import { Command } from 'commander';
import { doctor, type Finding } from '../doctor/doctor.js';
import { escapeControls } from '../report/escape.js';
import type { CommandProcess } from './streams.js';

interface DoctorFlags {
  readonly config?: string;
  readonly json?: true;
}

const notes = `
Nothing is run but one operator, and nothing is written. Exit code 0 where everything would work, else the one that a run
would end in: 2 for the configuration, a model or samples, 3 for the machine.

Examples:
  quantize doctor
  quantize doctor --config models/quantize.config.json`;

const marks = { fine: '✓', note: '!', wrong: '✗' } as const;

/** `quantize doctor`: what here would keep a run from working. */
export function doctorCommand(process: CommandProcess): Command {
  return new Command('doctor')
    .description('say what on this machine or in the configuration would not work')
    .option('--config <file>', 'a configuration (default: the one of this folder)')
    .option('--json', 'print what was found as one JSON record')
    .addHelpText('after', notes)
    .action(async ({ config, json }: DoctorFlags) => {
      const found: Finding[] = [];
      for await (const each of doctor({ config })) {
        found.push(each);
        if (!json) process.stdout.write(`${lines(each).join('\n')}\n`);
      }
      if (json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
      process.exitCode = found.find(({ state }) => state === 'wrong')?.exitCode ?? 0;
    });
}

function lines({ subject, state, text, hint }: Finding): string[] {
  const said = `${marks[state]} ${escapeControls(subject)}: ${escapeControls(text)}`;
  return hint === '' ? [said] : [said, `  ${escapeControls(hint)}`];
}
