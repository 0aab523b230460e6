import { rangeOfPixels } from '../../calibration/preprocess.js';
import { findRanges } from '../calibrate/find-ranges.js';
import type { Watch } from '../calibrate/watch.js';
import { QuantizeError } from '../errors.js';
import { foldedFormOf } from '../fold/folded-form.js';
import { defaultLimits } from '../load/limits.js';
import type { QuantizeOptions } from '../options.js';
import { place, refuseEmpty } from '../place/place.js';
import {
  checkGiven,
  checkSearch,
  refuseMeasuring,
  refuseUnusedStatistics,
} from '../prepare/check-options.js';
import { makePlanner } from '../prepare/planner.js';
import { calibrationSettings, prepare, refiningOf } from '../prepare/prepare.js';
import { type Recipe, resolveRecipe } from '../recipe.js';
import { registries } from '../registries.js';
import { valuesForOthers } from './values-for-others.js';

/** What a run is asked for that does a part of another's work, and what of it is known before anything is read. */
export interface PartSources {
  readonly options: QuantizeOptions;
  readonly output: string;
  readonly watch: Watch;
  /** Whether it holds the model in memory, again and again. */
  readonly holds: boolean;
}

/**
 * The recipe of a part's run.
 *
 * @param mend - where to give what has no use here
 * @throws QuantizeError `bad-option` for what is of a model that is written
 */
export function partRecipe(options: QuantizeOptions, mend: string): Recipe {
  const { data, stats, plan, savePlan, saveIntegers, reports } = options;
  checkGiven(options);
  const whole = {
    ...{ '--report': reports, '--plan': plan, '--save-plan': savePlan, '--save-integers': saveIntegers },
  };
  const [flag] = Object.entries(whole).find(([, value]) => value !== undefined && value.length > 0) ?? [];
  if (flag !== undefined) {
    const problem = 'has no use with --shard, which writes no model';
    throw new QuantizeError('bad-option', { flag, problem, mend });
  }
  const given = resolveRecipe(options.recipe, registries, data !== undefined || stats !== undefined);
  if (stats !== undefined) refuseUnusedStatistics(given);
  checkSearch(options);
  return given;
}

/** The steps before the plan, for one that does a part of another run's work: load, convert, fold, place and calibrate. */
export async function openPart(given: Recipe, { options, output, watch, holds }: PartSources) {
  const { stats, threads } = options;
  const preprocess = checkGiven(options);
  const { loaded, madeFrom, model, samples, isLarge } = await prepare(options, {
    ...{ outputs: [output], form: foldedFormOf(given), isHalf: given.float16, watch, limits: defaultLimits },
    check: (folded) => refuseEmpty(folded, place(folded, given, options.model), options.model, given),
  });
  if (isLarge && holds) refuseMeasuring(options, loaded.sizeBytes);
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
  const refining = refiningOf(options, samples, watch);
  const planner = makePlanner({
    ...{ model, path: options.model, madeFrom, ranges, threads, keeps: !isLarge, refining },
  });
  return { loaded, samples, planner, refining };
}
