import type { Statistics } from '../../calibration/statistics.js';
import { calibrate as observe } from '../calibrate/calibrate.js';
import { withResultsBefore } from '../calibrate/shown-results.js';
import { Watch } from '../calibrate/watch.js';
import { QuantizeError } from '../errors.js';
import { foldedFormOf } from '../fold/folded-form.js';
import { defaultLimits } from '../load/limits.js';
import { refuseFailedModules, withUserModules } from '../modules/user-module.js';
import type { CalibrateOptions } from '../options.js';
import { placeWidest, refuseEmpty } from '../place/place.js';
import { observableValues } from '../place/placement.js';
import { checkModel } from '../prepare/check-files.js';
import { checkGiven } from '../prepare/check-options.js';
import { besideModel, calibrationSettings, prepare } from '../prepare/prepare.js';
import { widestRecipe } from '../recipe.js';
import type { StatisticsSummary } from '../report/statistics-summary.js';
import { writeStatistics } from './write-statistics.js';

/**
 * One pass over the samples, written as a statistics file: every value that any recipe for this model could need.
 *
 * @throws QuantizeError for whatever the user can mend; every existing file is then as it was
 */
export function calibrate(options: CalibrateOptions): Promise<StatisticsSummary> {
  return withUserModules(() => calibrateWithin(options));
}

async function calibrateWithin(options: CalibrateOptions): Promise<StatisticsSummary> {
  checkGiven(options);
  const started = performance.now();
  const { data, shard, equalize = widestRecipe.equalize, smooth = widestRecipe.smooth } = options;
  if (data === undefined || data.length === 0) {
    const mend = 'Give samples like those that the model will see.';
    throw new QuantizeError('bad-option', { flag: '--data', problem: 'is missing', mend });
  }
  const watch = new Watch(options);
  await checkModel(options.model);
  const suffix = shard ? `stats.${shard.index}-of-${shard.count}.json` : 'stats.json';
  const output = options.output ?? besideModel(options.model, suffix);

  const { loaded, model, samples } = await prepare(options, {
    outputs: [output],
    form: foldedFormOf({ ...widestRecipe, equalize, smooth }),
    isHalf: false,
    watch,
    limits: defaultLimits,
    check: (folded) => refuseEmpty(folded, placeWidest(folded, options.model), options.model),
  });

  await watch.begin('place');
  const placement = placeWidest(model, options.model);
  const values = observableValues(model.graph, placement);
  if (values.length === 0) {
    const reason = 'it has no layer whose input could be integer, so that there is nothing to calibrate';
    throw new QuantizeError('nothing-to-quantize', { path: options.model, reason });
  }

  await watch.begin('calibrate');
  const how = calibrationSettings(options, watch);
  const statistics = (await observe(
    model,
    withResultsBefore(model, values),
    samples.calibration,
    how,
  )) as Statistics;

  await watch.begin('write');
  await loaded.refuseChanged();
  await refuseFailedModules();
  return writeStatistics(output, statistics, started);
}
