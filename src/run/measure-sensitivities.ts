import { Watch } from '../calibrate/watch.js';
import { writeFileWhole } from '../emit/write-file.js';
import { QuantizeError } from '../errors.js';
import { refuseFailedModules, withUserModules } from '../modules/user-module.js';
import type { SensitivityOptions } from '../options.js';
import { besideModel } from '../prepare/prepare.js';
import { NONE } from '../recipe.js';
import { questionOf } from '../search/find-recipe.js';
import { measured } from '../search/keep-boxes.js';
import { measureSensitivity } from '../search/sensitivity.js';
import { type SensitivityRecord, serializeSensitivities } from '../search/sensitivity-file.js';
import { sensitivitySource, splitForSearch } from '../search/split-samples.js';
import { openPart, partRecipe } from './open-part.js';
import { sensitivityBasis } from './sensitivity-basis.js';

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
  const { auto } = options;
  const refuse = (problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag: '--shard', problem, mend });
  if (!auto)
    throw refuse(
      'is of --auto here, which is not given',
      'Calibrate in shards with `quantize calibrate … --shard i/n`.',
    );
  if (auto.sensitivity !== undefined)
    throw refuse('measures what --sensitivity holds', 'Leave out one of the two.');
  const watch = new Watch(options);
  const given = partRecipe(options, 'Give it with --sensitivity.');
  const output = options.output ?? sensitivityPathOf({ model: options.model, shard });
  const sources = { options, output, watch, holds: true };
  const { loaded, samples, planner } = await openPart(given, sources);

  await watch.begin('measure sensitivity');
  const recipe = measured({ ...given, refine: NONE });
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
