import { appendFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Command } from 'commander';
import { readConfig } from '../config/read-config.js';
import { withCommit } from '../emit/commit.js';
import { QuantizeError, reasonOf } from '../errors.js';
import { metrics } from '../gate/metrics.js';
import { readOn } from '../gate/read-on.js';
import { escapeControls } from '../report/escape.js';
import { annotations } from '../report/github.js';
import { reporters } from '../report/reporters.js';
import type { Result } from '../report/result.js';
import { type ReportedResult, severalLines, writeIndex } from '../report/several.js';
import { checkReports } from '../report/write-reports.js';
import { quantize } from '../run/quantize.js';
import { dryRun } from './dry-run.js';
import { follow } from './follow.js';
import { reportGates } from './gate-options.js';
import { givenFlags } from './given-flags.js';
import { openPages } from './open-page.js';
import { addQuantizeOptions, optionsOf, type QuantizeFlags, withRecipeFile } from './quantize-command.js';
import type { CommandProcess } from './streams.js';

const notes = `
Without --config it reads quantize.config.json of this folder (.yaml, .yml, .js, .mjs, .cjs, .ts, .mts), or the "quantize" key of its package.json.
A flag replaces what the file says; a gate replaces the one on the same metric, and the others stay.
Where GITHUB_STEP_SUMMARY is set the report is appended to it, with GITHUB_ACTIONS annotations
are printed, and where GITHUB_OUTPUT is set each metric is an output.

Examples:
  quantize ci
  quantize ci --config models/quantize.config.json --baseline main.json --gate 'top1_change>=-0.1%'`;

interface CiFlags extends QuantizeFlags {
  readonly dryRun?: true;
  readonly comment?: string;
}

/** `quantize ci`: what the configuration says, for a pipeline. */
export function ciCommand(process: CommandProcess): Command {
  const command = new Command('ci').description(
    'do what quantize.config.json says: quantize, compare, check the gates, write the reports',
  );
  return addQuantizeOptions(command)
    .option(
      '--comment <file>',
      'write what a comment on a pull request says: a line for each model, details folded',
    )
    .option(
      '--dry-run',
      'say what would be done: read models, look for files, check gates; nothing runs or is written',
    )
    .addHelpText('after', notes)
    .action(async (flags: CiFlags) => {
      const given = givenFlags(command, flags);
      const { jobs, path, index } = await readConfig({ path: flags.config });
      if (index !== undefined) await checkReports([index]);
      if (jobs.length > 1) refuseShared(given);
      const done: ReportedResult[] = [];
      for (const [i, job] of jobs.entries()) {
        const sources = [path, ...(flags.recipe === undefined ? [] : [flags.recipe])];
        const options = { ...optionsOf(given, await withRecipeFile(job, flags)), sources };
        if (flags.dryRun) {
          process.stdout.write(await dryRun(options));
          continue;
        }
        const result = await follow(process, flags, (hooks) => quantize({ ...options, ...hooks }));
        done.push({ result, reports: options.reports ?? [] });
        const isForPeople = !flags.json && flags.reporter === 'terminal' && jobs.length > 1;
        if (isForPeople) process.stdout.write(`${i > 0 ? '\n' : ''}${ruleOf(i, jobs.length, job.model)}\n`);
        if (!flags.json) process.stdout.write(await render(flags.reporter, result));
        await tellGithub(process, result, job.model);
        reportGates(process, result);
      }
      if (flags.dryRun) return;
      const results = done.map(({ result }) => result);
      if (index !== undefined) await writeIndex(index, done);
      if (flags.comment !== undefined) await writeComments(flags.comment, results);
      if (results.length > 1 && !flags.json && flags.reporter === 'terminal')
        process.stdout.write(`\n${'─'.repeat(WIDTH)}\n${severalLines(results)}`);
      await addOutputs(process, results);
      if (flags.open)
        openPages(process, index === undefined ? done.flatMap(({ reports }) => reports) : [index]);
      if (flags.json) {
        const [only] = results;
        process.stdout.write(`${JSON.stringify(results.length === 1 ? only : results, null, 2)}\n`);
      }
    });
}

/** Columns of a terminal that nobody has made wider. */
const WIDTH = 80;

/** What stands above the result of one model of several. */
function ruleOf(at: number, of: number, model: string): string {
  const head = `── ${at + 1} of ${of}: ${escapeControls(basename(model))} `;
  return head.padEnd(WIDTH, '─');
}

/** What several models cannot have in common. */
function refuseShared({ output, report }: Partial<QuantizeFlags>): void {
  if (output === undefined && report === undefined) return;
  const facts = {
    flag: output === undefined ? '--report' : '--output',
    problem: 'is one file, and the configuration has several models',
    mend: 'Say it there, for each.',
  };
  throw new QuantizeError('bad-option', facts);
}

/** What later steps of a workflow read: each metric of a single model, and those of all models as JSON. */
async function addOutputs({ env = {} }: CommandProcess, results: readonly Result[]): Promise<void> {
  const { GITHUB_OUTPUT: path } = env;
  if (!path) return;
  const all = results.map((result) => [result.quantized.name, measuredMetrics(result)] as const);
  const [only] = all;
  const single = all.length === 1 && only ? Object.entries(only[1]) : [];
  const lines = single.map(([name, value]) => `${name.replaceAll('_', '-')}=${value}\n`);
  await append(path, `${lines.join('')}metrics=${JSON.stringify(Object.fromEntries(all))}\n`);
}

/** The metrics that a result has a finite value of, by name. */
function measuredMetrics(result: Result): Record<string, number> {
  const found: Record<string, number> = {};
  for (const metric of metrics) {
    const reading = readOn(metric, result);
    if ('value' in reading && Number.isFinite(reading.value)) found[metric.name] = reading.value;
  }
  return found;
}

async function append(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, text);
  } catch (thrown) {
    throw new QuantizeError('file-unwritable', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}

async function render(format: string, result: Result): Promise<string> {
  const reporter = reporters.find(({ name }) => name === format);
  return (await reporter?.render(result)) ?? '';
}

async function writeComments(path: string, results: readonly Result[]): Promise<void> {
  const texts = await Promise.all(results.map((result) => render('comment', result)));
  await withCommit((files) => files.write(path, texts.join('\n')));
}

/** The summary of a workflow's step, and annotations on its run. */
async function tellGithub(
  { env = {}, stderr }: CommandProcess,
  result: Result,
  model: string,
): Promise<void> {
  const { GITHUB_STEP_SUMMARY: path, GITHUB_ACTIONS: isWorkflow } = env;
  if (path) await append(path, `${await render('markdown', result)}\n`);
  // Commands count on either stream; stdout is the result's.
  if (isWorkflow === 'true') stderr.write(annotations(result, model));
}
