import { splitSource } from '../../calibration/held-out.js';
import { mse } from '../../calibration/observers/mse.js';
import { observers } from '../../calibration/observers/observers.js';
import type { InputRange } from '../../calibration/preprocess.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import { QuantizeError } from '../errors.js';
import { ownNames } from '../graph/bodies.js';
import { observedValues, type PlacedModel } from '../place/placement.js';
import { named } from '../recipe.js';
import { type CalibrationSettings, calibrate } from './calibrate.js';
import { chooseObservers, type ObserverChoices } from './choose-observers.js';
import { dataFreeStatistics } from './data-free/data-free.js';
import { withResultsBefore } from './shown-results.js';
import { readStatistics } from './stored-statistics.js';

/** What activation quantizers are chosen from. */
export interface Ranges {
  /** Undefined where activations stay in float, or find their ranges at every run. */
  readonly statistics: Statistics | undefined;
  /** The observer of each value, where it is not the same for all. */
  readonly choices: ObserverChoices | undefined;
  /** The source that made the choices, by its name; undefined where activations have no fixed ranges. */
  readonly source: string | undefined;
}

/** What ranges are found with, beside the model. */
export interface RangeInputs extends CalibrationSettings {
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

/** Samples that a choice between observers takes. */
const LEAST_HELD_OUT = 8;

/** No ranges: a saved plan has its quantizers, and floats have none. */
export const noRanges: Ranges = { statistics: undefined, choices: undefined, source: undefined };

/** Find the ranges of all values that need one, where the recipe's source has them. */
export async function findRanges(placed: PlacedModel, inputs: RangeInputs): Promise<Ranges> {
  const { model, recipe, placement } = placed;
  const { samples, stats } = inputs;
  const wanted = [...new Set([...observedValues(placement), ...(inputs.others ?? [])])];
  const { activations } = recipe;
  const source = activations.kind === 'static' ? activations.observer : undefined;
  const same = (statistics: Statistics | undefined): Ranges => ({ statistics, choices: undefined, source });
  if (wanted.length === 0 || activations.kind !== 'static') return same(undefined);
  const { from } = named(rangeSources, activations.observer);
  if (from === 'batch-norm') {
    if (stats !== undefined) throw unused(activations.observer);
    // What BatchNormalization told is of the main graph's values.
    const own = ownNames(model.graph);
    const told = wanted.filter((value) => own.has(value));
    return same(await dataFreeStatistics(model, told, inputs.inputRange, inputs));
  }
  const values = withResultsBefore(model, wanted);
  if (from === 'statistics') {
    if (inputs.statistics) return same(inputs.statistics);
    return same(
      stats === undefined
        ? await calibrate(model, values, samples, inputs)
        : await readStatistics(stats, placed, wanted),
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
  // Too few tell nothing apart: then all samples are for the ranges, by least squared error.
  if (heldOut.length < LEAST_HELD_OUT)
    return same(inputs.statistics ?? (await calibrate(model, values, samples, inputs)));
  const statistics = await calibrate(model, values, kept, { ...inputs, outputs: undefined });
  if (!statistics) return same(undefined);
  const candidates = [mse, ...observers.filter((each) => each !== mse)];
  const choices = await chooseObservers(placed, { statistics, candidates, heldOut });
  return { statistics, choices, source };
}

/** A flag that would do nothing is a mistake. */
const unused = (observer: string) =>
  new QuantizeError('bad-option', {
    flag: '--stats',
    problem: `has no use with --observer ${observer}, which takes its ranges from BatchNormalization`,
    mend: 'Leave out one of the two.',
  });
