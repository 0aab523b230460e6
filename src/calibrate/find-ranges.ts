import { splitSource } from '../../calibration/held-out.js';
import type { Observer } from '../../calibration/observers/observer.js';
import type { InputRange } from '../../calibration/preprocess.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import { observedValues, type Placement } from '../place/placement.js';
import { named, type Recipe } from '../recipe.js';
import { type CalibrationSettings, calibrate } from './calibrate.js';
import { chooseObservers, type ObserverChoices } from './choose-observers.js';
import { dataFreeStatistics } from './data-free/data-free.js';
import { readStatistics } from './stored-statistics.js';

/** What activation quantizers are chosen from. */
export interface Ranges {
  /** Undefined where activations stay in float, or find their ranges at every run. */
  readonly statistics: Statistics | undefined;
  /** The observer of each value, where it is not the same for all. */
  readonly choices: ObserverChoices | undefined;
  /** The recipe's observer, that chose them; undefined where its activations have no fixed ranges. */
  readonly observer: string | undefined;
}

/** What ranges are found with. */
export interface RangeSources extends CalibrationSettings {
  readonly model: Model;
  /** The model's file, for messages. */
  readonly path: string;
  readonly recipe: Recipe;
  readonly placement: Placement;
  readonly observers: readonly Observer[];
  readonly samples: SampleSource | undefined;
  /** Statistics of all values that can be asked for, where they are at hand: nothing is run for them again. */
  readonly statistics?: Statistics | undefined;
  /** A statistics file, in place of samples. */
  readonly stats: string | undefined;
  /** What the model's inputs can hold; only ranges without samples need it. */
  readonly inputRange: InputRange | undefined;
  /** Values whose statistics are wanted beside those of the placement, for other recipes. */
  readonly others?: readonly string[] | undefined;
}

/** Find the ranges of all values that need one, in the way that the recipe's observer asks for. */
export async function findRanges(sources: RangeSources): Promise<Ranges> {
  const { model, recipe, placement, observers, samples, stats } = sources;
  const values = [...new Set([...observedValues(placement), ...(sources.others ?? [])])];
  const { activations } = recipe;
  const observer = activations.kind === 'static' ? activations.observer : undefined;
  const same = (statistics: Statistics | undefined): Ranges => ({ statistics, choices: undefined, observer });
  if (values.length === 0 || activations.kind !== 'static') return same(undefined);
  const { from } = named(observers, activations.observer);
  if (from === 'batch-norm') {
    if (stats !== undefined) throw unused(activations.observer);
    return same(await dataFreeStatistics(model, values, sources.inputRange, sources));
  }
  if (from === 'statistics') {
    if (sources.statistics) return same(sources.statistics);
    return same(
      stats === undefined
        ? await calibrate(model, values, samples, sources)
        : await readStatistics(stats, sources, values),
    );
  }
  if (stats !== undefined || !samples) {
    const mend = 'Give them with --data instead of --stats.';
    throw new QuantizeError('bad-option', {
      flag: `--observer ${activations.observer}`,
      problem: 'needs samples to choose on',
      mend,
    });
  }
  const { kept, heldOut } = await splitSource(samples);
  const statistics = await calibrate(model, values, kept, sources);
  if (!statistics) return same(undefined);
  const candidates = observers.filter((observer) => observer.from === 'statistics');
  const choices = await chooseObservers({ model, placement, statistics, activations, candidates, heldOut });
  return { statistics, choices, observer };
}

/** A flag that would do nothing is a mistake. */
const unused = (observer: string) =>
  new QuantizeError('bad-option', {
    flag: '--stats',
    problem: `has no use with --observer ${observer}, which takes its ranges from BatchNormalization`,
    mend: 'Leave out one of the two.',
  });
