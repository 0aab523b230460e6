import chalk from 'chalk';
import { Command } from 'commander';
import { actSchemes } from '../../calibration/act-schemes/act-schemes.js';
import { presets } from '../../calibration/preprocess.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import { readers } from '../../calibration/readers/readers.js';
import { tasks } from '../evaluate/tasks/tasks.js';
import { metrics } from '../gate/metrics.js';
import { targets } from '../place/targets/targets.js';
import { schemes } from '../quantize/schemes/schemes.js';
import type { RefinerSetting } from '../recipe.js';
import { refiners } from '../refine/refiners.js';
import { alignColumns } from '../report/format.js';
import { reporters } from '../report/reporters.js';
import type { CommandProcess } from './streams.js';

interface Entry {
  readonly name: string;
  readonly summary: string;
  /** What it can be told. */
  readonly settings?: readonly RefinerSetting[];
}

/** A registry that a command lists. */
interface Listing {
  readonly name: string;
  readonly description: string;
  /** The flag that takes one of the names. */
  readonly flag: string;
  readonly entries: readonly Entry[];
}

const listings: readonly Listing[] = [
  { name: 'schemes', description: 'list the weight schemes', flag: '--scheme', entries: schemes },
  {
    name: 'observers',
    description: 'list how activation ranges are chosen',
    flag: '--observer',
    entries: rangeSources,
  },
  {
    name: 'act-schemes',
    description: 'list the levels of activations below 8 bits',
    flag: '--act-scheme',
    entries: actSchemes,
  },
  {
    name: 'refiners',
    description: 'list what makes a plan better on samples',
    flag: '--refine',
    entries: refiners,
  },
  {
    name: 'presets',
    description: 'list how integers and images become floats',
    flag: '--preprocess',
    entries: Object.entries(presets).map(([name, { summary }]) => ({ name, summary })),
  },
  { name: 'readers', description: 'list the formats of samples', flag: '--data', entries: readers },
  { name: 'tasks', description: 'list the metrics of tasks', flag: '--metric', entries: tasks },
  {
    name: 'metrics',
    description: 'list what gates can limit',
    flag: '--gate',
    entries: metrics.map(({ name, of, summary, unit }) => ({
      name,
      summary: `${summary} (${of ? `of one: ${name}[${of}]; ` : ''}${unit.written})`,
    })),
  },
  {
    name: 'targets',
    description: 'list the runtimes that a file can be checked for',
    flag: '--target',
    entries: targets,
  },
  { name: 'reporters', description: 'list the formats of results', flag: '--reporter', entries: reporters },
];

/** `quantize schemes` and the like: what there is, from the registries. */
export function listCommands(process: CommandProcess): Command[] {
  return listings.map(({ name, description, flag, entries }) =>
    new Command(name)
      .helpGroup('Lists:')
      .description(`${description}, for ${flag}`)
      .option('--json', 'print it as JSON')
      .action(({ json }: { json?: true }) => {
        const records = entries.map(({ name: entry, summary, settings }) => ({
          ...{ name: entry, summary },
          ...(settings && settings.length > 0 && { settings }),
        }));
        const lines = records.flatMap(({ name: entry, summary, settings = [] }) => [
          { name: entry, cells: [entry, summary] },
          ...settings.map((setting) => ({ name: '', cells: [`  ${setting.key}`, describeSetting(setting)] })),
        ]);
        const rows = alignColumns(lines.map(({ cells }) => cells));
        const bold = rows.map((row, i) => row.replace(lines[i]?.name ?? '', (text) => chalk.bold(text)));
        process.stdout.write(json ? `${JSON.stringify(records, null, 2)}\n` : `${bold.join('\n')}\n`);
      }),
  );
}

/** What a setting means, what it is without being told, and what it can be. */
function describeSetting(setting: RefinerSetting): string {
  const values =
    'choices' in setting
      ? setting.choices.join(', ')
      : `${setting.least} to ${setting.most.toLocaleString('en-US')}`;
  return `${setting.summary} (${setting.usual}; ${values})`;
}
