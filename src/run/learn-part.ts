import { Watch } from '../calibrate/watch.js';
import { type LearnedRecord, readOwnLearned, serializeLearned, unfit } from '../emit/learned-file.js';
import { writeFileWhole } from '../emit/write-file.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import { refuseFailedModules, withUserModules } from '../modules/user-module.js';
import type { LearningOptions } from '../options.js';
import { refuseUnusedTraining } from '../prepare/check-options.js';
import { besideModel } from '../prepare/prepare.js';
import { changed } from '../quantize/changed.js';
import { named } from '../recipe.js';
import { apartSteps, learnShard } from '../refine/learn-shard.js';
import { refinementOf } from '../refine/learning/learned-blocks.js';
import { refineStages } from '../refine/refine-steps.js';
import type { RefineContext } from '../refine/refiner.js';
import { refiners } from '../refine/refiners.js';
import { looksForBoxes } from '../search/keep-boxes.js';
import { learnedBasis } from './learned-basis.js';
import { openPart, partRecipe } from './open-part.js';

/**
 * One part of the blocks that a refiner learns apart from each other, as `reconstruct:inputs=start`; `mergeLearned` joins the
 * parts, and `quantize` takes the whole as `learned`. No model is written.
 *
 * @throws QuantizeError for whatever the user can mend; every existing file is then as it was
 */
export function learnPart(options: LearningOptions): Promise<LearnedRecord> {
  return withUserModules(() => learnWithin(options));
}

/** Where a part is written by default: `model.onnx` → `model.learned.2-of-8.json`. */
export const learnedPathOf = ({ model, shard }: Pick<LearningOptions, 'model' | 'shard'>): string =>
  besideModel(model, `learned.${shard.index}-of-${shard.count}.json`);

async function learnWithin({ shard, ...options }: LearningOptions): Promise<LearnedRecord> {
  const { provider, learned } = options;
  const watch = new Watch(options);
  const given = partRecipe(options, 'Give it with --learned.');
  const isGiven = options.data !== undefined && options.stats === undefined;
  const counts = {
    samples: isGiven ? Number.POSITIVE_INFINITY : 0,
    hasTraining: options.trainData !== undefined,
  };
  const stages = refineStages(given, counts);
  refuseUnusedTraining(options, stages.flat());
  const { before, step } = apartSteps(stages, refiners, {
    flag: '--shard',
    unused: {
      problem: 'is of --auto or of --refine reconstruct:inputs=start here, and neither is given',
      mend: 'Calibrate in shards with `quantize calibrate … --shard i/n`.',
    },
  });
  if (learned !== undefined)
    throw new QuantizeError('bad-option', {
      flag: '--shard',
      problem: 'learns what --learned holds',
      mend: 'Leave out one of the two.',
    });
  refuseBeside(options, '--shard');
  const output = options.output ?? learnedPathOf({ model: options.model, shard });
  const { loaded, samples, planner, refining } = await openPart(given, {
    ...{ options, output, watch, holds: false },
  });
  if (await looksForBoxes(planner, given, samples, { provider, pause: watch.pause }))
    throw boxesRefusal('--shard');
  const plan = await planner.plan({ ...given, refine: before });
  await watch.begin('refine');
  const { source } = refining;
  if (!source) throw new Error('there are no samples to learn from');
  const context = { ...refining, model: planner.model, source };
  const part = await learnShard(plan, step, named(refiners, step.name), context, shard);
  await watch.begin('write');
  const basis = await learnedBasis(planner.model, part.start, provider);
  await loaded.refuseChanged();
  await refuseFailedModules();
  const record: LearnedRecord = { basis, shard, ...part.learned };
  await writeFileWhole(output, serializeLearned(record));
  return record;
}

/** What finds another recipe first, that the blocks would be of. */
export function refuseBeside(
  { auto, suggest, tuneSpeed }: Pick<LearningOptions, 'auto' | 'suggest' | 'tuneSpeed'>,
  flag: string,
): void {
  const beside = { '--auto': auto !== undefined, '--suggest': suggest === true, '--tune-speed': tuneSpeed };
  const [other] = Object.entries(beside).find(([, isGiven]) => isGiven) ?? [];
  if (other === undefined) return;
  const mend = 'Give the recipe that it found with --recipe, and leave it out.';
  throw new QuantizeError('bad-option', {
    flag,
    problem: `has no use with ${other}, which tries other recipes`,
    mend,
  });
}

/** What is said of --learned where nothing learns blocks. */
export const learnedFlag = {
  flag: '--learned',
  unused: {
    problem: 'has no use where no refiner learns blocks',
    mend: 'Name reconstruct:inputs=start in --refine, as the shards were made.',
  },
};

/** That layers which stay in float for a detector's boxes are found by models that are refined. */
export const boxesRefusal = (flag: string) =>
  new QuantizeError('bad-option', {
    flag,
    problem: 'has no use where layers are looked for that keep boxes, each time with all blocks learned',
    mend: 'Give --keep-boxes off, and what is to stay in float with --exclude.',
  });

/** What a run takes in place of learning blocks: those of a file, once they are found to be its own. */
export const learnedFrom =
  (path: string, model: Model, provider: LearningOptions['provider']): RefineContext['learned'] =>
  async (start) => {
    const learned = await readOwnLearned(path, await learnedBasis(model, start, provider));
    try {
      changed(start.plan, start.step.name, refinementOf(learned.blocks).change);
    } catch {
      throw unfit(path);
    }
    return learned;
  };
