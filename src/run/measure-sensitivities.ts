import { rangeOfPixels } from '../../calibration/preprocess.js';
import { findRanges } from '../calibrate/find-ranges.js';
import { Watch } from '../calibrate/watch.js';
import { writeFileWhole } from '../emit/write-file.js';
import { QuantizeError } from '../errors.js';
import { foldedFormOf } from '../fold/folded-form.js';
import { defaultLimits } from '../load/limits.js';
import { refuseFailedModules, withUserModules } from '../modules/user-module.js';
import type { SensitivityOptions } from '../options.js';
import { place, refuseEmpty } from '../place/place.js';
import {
  checkGiven,
  checkSearch,
  refuseMeasuring,
  refuseUnusedStatistics,
} from '../prepare/check-options.js';
import { makePlanner } from '../prepare/planner.js';
import { besideModel, calibrationSettings, prepare, refiningOf } from '../prepare/prepare.js';
import { NONE, resolveRecipe } from '../recipe.js';
import { registries } from '../registries.js';
import { questionOf } from '../search/find-recipe.js';
import { measured } from '../search/keep-boxes.js';
import { measureSensitivity } from '../search/sensitivity.js';
import { type SensitivityRecord, serializeSensitivities } from '../search/sensitivity-file.js';
import { sensitivitySource, splitForSearch } from '../search/split-samples.js';
import { sensitivityBasis } from './sensitivity-basis.js';
import { valuesForOthers } from './values-for-others.js';

/**
 * One part of what a search with `auto` measures of every candidate and layer; `mergeSensitivities` joins the parts, and `auto`
 * takes the whole as `sensitivity`. Nothing is searched for, and no model is written.
 *
 * @throws QuantizeError for whatever the user can mend; every existing file is then as it was
 */
export function measureSensitivities(options: SensitivityOptions): Promise<SensitivityRecord> {
  return withUserModules(() => measureWithin(options));
}

/** Where a part is written by default: `model.onnx` → `model.sensitivity.2-of-8.json`. */
export const sensitivityPathOf = ({ model, shard }: Pick<SensitivityOptions, 'model' | 'shard'>): string =>
  besideModel(model, `sensitivity.${shard.index}-of-${shard.count}.json`);

async function measureWithin({ shard, ...options }: SensitivityOptions): Promise<SensitivityRecord> {
  const preprocess = checkGiven(options);
  const { auto, stats, threads } = options;
  const refuse = (flag: string, problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag, problem, mend });
  if (!auto)
    throw refuse(
      '--shard',
      'is of --auto here, which is not given',
      'Calibrate in shards with `quantize calibrate … --shard i/n`.',
    );
  if (auto.sensitivity !== undefined)
    throw refuse('--shard', 'measures what --sensitivity holds', 'Leave out one of the two.');
  const whole = { '--report': options.reports, '--plan': options.plan, '--save-plan': options.savePlan };
  const [flag] = Object.entries(whole).find(([, value]) => value !== undefined && value.length > 0) ?? [];
  if (flag !== undefined)
    throw refuse(flag, 'has no use with --shard, which writes no model', 'Give it with --sensitivity.');
  const watch = new Watch(options);
  const hasRanges = options.data !== undefined || stats !== undefined;
  const given = resolveRecipe(options.recipe, registries, hasRanges);
  if (stats !== undefined) refuseUnusedStatistics(given);
  checkSearch(options);
  const recipe = measured({ ...given, refine: NONE });
  const output = options.output ?? sensitivityPathOf({ model: options.model, shard });

  const { loaded, madeFrom, model, samples, isLarge } = await prepare(options, {
    ...{ outputs: [output], form: foldedFormOf(given), watch, limits: defaultLimits },
    check: (folded) => refuseEmpty(folded, place(folded, given, options.model), options.model, given),
  });
  if (isLarge) refuseMeasuring(options, loaded.sizeBytes);

  await watch.begin('place');
  const placement = place(model, given, options.model);
  await watch.begin('calibrate');
  const ranges = await findRanges(
    { model, path: options.model, recipe: given, placement },
    {
      stats,
      samples: samples.calibration,
      inputRange: options.inputRange ?? rangeOfPixels(preprocess),
      others: valuesForOthers(model, given, placement, options),
      ...calibrationSettings(options, watch),
    },
  );
  const planner = makePlanner({
    ...{ model, path: options.model, madeFrom, ranges, threads, keeps: true },
    refining: refiningOf(options, samples, watch),
  });

  await watch.begin('measure sensitivity');
  const source = sensitivitySource(samples, await splitForSearch(samples));
  const { provider } = options;
  const { progress, pause } = watch;
  const basis = await sensitivityBasis(planner, recipe, source, options);
  const part = await measureSensitivity(planner, questionOf(recipe, auto), source, {
    ...{ provider, progress, pause, shard },
  });
  await watch.begin('write');
  await loaded.refuseChanged();
  await refuseFailedModules();
  const record = { basis, shard, ...part };
  await writeFileWhole(output, serializeSensitivities(record));
  return record;
}
