import { createInterface } from 'node:readline/promises';
import { Command, Option } from 'commander';
import type { Candidate } from '../init/candidates.js';
import type { Ground, Proposal } from '../init/choose.js';
import type { Evidence } from '../init/evidence.js';
import type { FoundTask } from '../init/find-task.js';
import { type InitOutcome, init } from '../init/init.js';
import { pipelineServices } from '../init/pipeline.js';
import { escapeControls } from '../report/escape.js';
import { sizeRatio, worstOfEach } from '../report/facts.js';
import { alignColumns, formatFixed, formatPercent } from '../report/format.js';
import { quoted } from '../report/reproduce.js';
import { follow } from './follow.js';
import { collect } from './recipe-options.js';
import { addLabelsOption, addVoiceOptions, type VoiceFlags } from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface InitFlags extends VoiceFlags {
  readonly evalData?: string[];
  readonly labels?: string;
  readonly output?: string;
  readonly ci?: string;
  readonly force?: true;
}

const notes = `
The model is run in float on the samples under every preset: labels, the model's first BatchNormalization, or what its
classes tell of the samples say which it was trained with. Outputs that are boxes, maps of classes or embeddings are measured as
such (\`--metric\`), without labels. The main job is run once; the gates leave room to what was measured.
Where nothing decides you are asked, in a terminal; in a pipe the first is taken, and said.

Examples:
  quantize init model.onnx photos/
  quantize init model.onnx calib.npy --eval-data test.npy --labels labels.npy --ci github`;

/** `quantize init <model> <samples>`: a configuration that runs. */
export function initCommand(process: CommandProcess): Command {
  const command = new Command('init')
    .description('write a quantize.config.json that runs: preprocessing and gates found by measuring')
    .argument('<model>', 'the float model, a .onnx file')
    .argument('<samples...>', 'calibration samples, files or folders; `quantize readers` lists the formats')
    .optionsGroup('Samples:')
    .option('--eval-data <path>', 'samples to measure on, repeatable', collect<string>);
  addLabelsOption(command)
    .optionsGroup('Output:')
    .option('-o, --output <file>', 'the configuration (default: quantize.config.json)')
    .addOption(
      new Option('--ci <service>', 'write the file of a pipeline, too').choices(
        pipelineServices.map(({ name }) => name),
      ),
    )
    .option('--force', 'write over files that are there');
  return addVoiceOptions(command)
    .addHelpText('after', notes)
    .action(async (model: string, data: string[], flags: InitFlags) => {
      const { evalData, labels, output, force } = flags;
      const pipeline = pipelineServices.find(({ name }) => name === flags.ci);
      const canAsk = process.stdin?.isTTY === true && process.stderr.isTTY === true;
      const outcome = await follow(process, flags, (hooks) =>
        init({
          ...{ ...hooks, model, data, evalData, labels, output, force, pipeline },
          ask: canAsk ? (proposal) => ask(process, proposal) : undefined,
        }),
      );
      process.stdout.write(`${describe(outcome).join('\n')}\n`);
    });
}

const groundWords: Readonly<Record<Ground, string>> = {
  labels: 'by the accuracy of the float model',
  normalization: "by what the model's first BatchNormalization expects",
  classes: 'by what the classes tell of the samples',
};

function describe({ proposal, chosen, task, result, gates, written }: InitOutcome): string[] {
  return [
    ...(proposal ? evidenceTable(proposal) : []),
    ...preprocessLines(proposal, chosen),
    ...taskLines(task),
    '',
    `one run of it: SQNR ${worstOfEach(result)}; ${formatFixed(sizeRatio(result), 2)}× the size`,
    `gates: ${gates.map((gate) => (typeof gate === 'string' ? gate : gate.gate)).join(', ')}`,
    ...written.map((path) => `wrote ${escapeControls(path)}`),
    '',
    `Next: quantize ci --config ${quoted(written[0] ?? '')}`,
  ];
}

function preprocessLines(proposal: Proposal | undefined, { name }: Candidate): string[] {
  if (!proposal) return ['preprocessing: none, the model takes the samples as they are'];
  const how = proposal.ground ? `, ${groundWords[proposal.ground]}` : '';
  const doubt = 'That does not decide: check it against how the model was trained, or give --labels.';
  return [`preprocessing: ${name}${how}`, ...(proposal.isTie ? [doubt] : [])];
}

function taskLines(task: FoundTask | undefined): string[] {
  if (!task) return [];
  const { name, evidence, isSure } = task;
  const seen = escapeControls(evidence);
  return isSure
    ? [`metric: ${name}, by ${seen}`]
    : [
        `metric: none; ${seen}.`,
        `If that is what the model is for, write "metric": "${name}" into the configuration.`,
      ];
}

function evidenceTable({ ranked }: Proposal): string[] {
  const has = (of: (each: Evidence) => number | undefined) => ranked.some((each) => of(each) !== undefined);
  const columns = [
    { head: 'accuracy', of: ({ accuracy }: Evidence) => accuracy, show: formatPercent },
    {
      head: 'off by (nats)',
      of: ({ divergence }: Evidence) => divergence,
      show: (x: number) => formatFixed(x, 3),
    },
    {
      head: 'classes tell (nats)',
      of: ({ information }: Evidence) => information,
      show: (x: number) => formatFixed(x, 3),
    },
  ].filter(({ of }) => has(of));
  const rows = ranked.map((each) => [
    each.candidate.name,
    ...columns.map(({ of, show }) => {
      const value = of(each);
      return value === undefined ? '–' : show(value);
    }),
  ]);
  const head = [
    `the float model on ${ranked[0]?.samples ?? 0} samples`,
    ...columns.map((column) => column.head),
  ];
  return [
    ...alignColumns(
      [head, ...rows],
      columns.map((_, i) => i + 1),
    ),
    '',
  ];
}

/** Which of the candidates it is, asked on stderr: stdout is the result's. */
async function ask(
  { stdin, stderr }: CommandProcess,
  { ranked, ground, ...rest }: Proposal,
): Promise<Candidate> {
  stderr.write(`${evidenceTable({ ranked, ground, ...rest }).join('\n')}\n`);
  for (const [i, { candidate }] of ranked.entries()) stderr.write(`  ${i + 1}  ${candidate.name}\n`);
  const terminal = createInterface({
    input: stdin as NodeJS.ReadStream,
    output: stderr as NodeJS.WriteStream,
  });
  try {
    for (;;) {
      const answer = (await terminal.question('Which was the model trained with? [1] ')).trim() || '1';
      const chosen = ranked[Number(answer) - 1];
      if (chosen) return chosen.candidate;
    }
  } finally {
    terminal.close();
  }
}
