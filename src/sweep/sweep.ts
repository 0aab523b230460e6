import { writeFileWhole } from '../emit/write-file.js';
import { QuantizeError } from '../errors.js';
import { withUserModules } from '../modules/user-module.js';
import type { SweepOptions } from '../options.js';
import { checkGiven } from '../prepare/check-options.js';
import { besideModel } from '../prepare/prepare.js';
import { checkApart } from '../report/write-reports.js';
import { frontOf, hasLimits } from './choose.js';
import { joinSeeds } from './join-seeds.js';
import type { SweepRecord } from './record.js';
import { choiceOf, sweepWithin } from './run-sweep.js';
import { serializeSweep } from './sweep-file.js';
import { renderCsv, renderTex } from './table-files.js';

export { runOf } from './run-sweep.js';

/**
 * Every combination of weight schemes, widths and observers, measured against float on the same samples. The model is
 * calibrated once, and the float model run once over the samples; each combination is then made, as `quantize` would make
 * it, and run once over them in a default session. No model is written.
 *
 * The record is kept in a file after every combination: a run that was stopped goes on where it was.
 *
 * @throws QuantizeError for whatever the user can mend; `sweep-interrupted` where the signal is aborted
 */
export function sweep(options: SweepOptions): Promise<SweepRecord> {
  return withUserModules(async () => {
    // Before anything is named after the model.
    checkGiven(options);
    const { shard } = options;
    const suffix = shard ? `sweep.${shard.index}-of-${shard.count}.json` : 'sweep.json';
    const output = options.output ?? besideModel(options.model, suffix);
    const reports = [options.report ?? []].flat();
    if (shard) refuseOfShards(options, reports);
    for (const [i, report] of reports.entries()) {
      writerOf(report);
      for (const other of [output, ...reports.slice(0, i)]) await checkApart(report, other);
    }
    const record = await sweepSeeds(options, output);
    for (const report of reports) await writeFileWhole(report, await writerOf(report)(record));
    return record;
  });
}

/**
 * What is of all combinations has no place in a shard.
 *
 * @throws QuantizeError `bad-option`
 */
function refuseOfShards({ limits, seeds = [] }: SweepOptions, reports: readonly string[]): void {
  const [flag] = [
    ...(hasLimits(limits) ? ['--max-size, --max-drift and --min-sqnr'] : []),
    ...(reports.length > 0 ? ['--report'] : []),
    ...(seeds.length > 1 ? ['--seeds'] : []),
  ];
  if (flag === undefined) return;
  const mend =
    flag === '--seeds'
      ? 'Sweep each seed by itself, with --seed.'
      : 'Merge the shards with `quantize merge`, and give the sweep again on that file with -o: nothing is measured then.';
  throw new QuantizeError('bad-option', { flag, problem: 'is of all combinations, not of a shard', mend });
}

/** What a report is written by, by the ending of its name; what draws is loaded where it draws. */
function writerOf(path: string): (record: SweepRecord) => Promise<string> | string {
  if (/\.html$/i.test(path)) return async (record) => (await import('./render-page.js')).renderPage(record);
  if (/\.csv$/i.test(path)) return renderCsv;
  if (/\.tex$/i.test(path)) return renderTex;
  const problem = `cannot be "${path}": a sweep is written as a page or as a table`;
  throw new QuantizeError('bad-option', {
    flag: '--report',
    problem,
    mend: 'End its name in .html, .csv or .tex.',
  });
}

/** One sweep, or one for each seed, each with a record of its own beside the one of their means. */
async function sweepSeeds(options: SweepOptions, output: string): Promise<SweepRecord> {
  const { seeds = [] } = options;
  const [only, ...others] = seeds;
  if (only === undefined || others.length === 0)
    return sweepWithin({ ...options, seed: only ?? options.seed }, output);
  const records: SweepRecord[] = [];
  for (const seed of seeds) {
    const own = output.replace(/(\.json)?$/i, `.seed-${seed}.json`);
    records.push(await sweepWithin({ ...options, seed, limits: undefined }, own));
  }
  const [first] = records as [SweepRecord];
  const results = joinSeeds(
    records.map((record) => record.results),
    seeds,
  );
  const record: SweepRecord = {
    ...first,
    // A record of means is no start of another run.
    basis: { ...first.basis, samples: `seeds ${seeds.join(', ')}` },
    results,
    front: frontOf(results),
    choice: hasLimits(options.limits) ? choiceOf(results, { ...options, seed: only }) : null,
    others: [],
  };
  await writeFileWhole(output, serializeSweep(record));
  return record;
}
