import { QuantizeError } from '../errors.js';
import type { SweepLimits } from '../options.js';
import { actBitsOf, type Recipe } from '../recipe.js';
import { paretoFront } from './pareto.js';
import { driftOf, type SweepResult, sqnrOf } from './record.js';

/** Activations that stay in float are as wide as that. */
const FLOAT_BITS = 32;

/**
 * Digits of a size that count on the front, as a table shows them: a recipe is written into its model, and its name must not
 * decide.
 */
const SIZE_DIGITS = 3;

const widthOf = (recipe: Recipe): number => {
  const bits = actBitsOf(recipe);
  return bits === 'float' ? FLOAT_BITS : bits;
};

/**
 * Names of the results on the Pareto front of size, activation width and quality: accuracy, between equals and without
 * labels the SQNR.
 */
export function frontOf(results: readonly SweepResult[]): string[] {
  const losses = results.map(lossOf);
  const costs = results.map(({ sizeBytes, recipe }, i) => [
    Number(sizeBytes.toPrecision(SIZE_DIGITS)),
    widthOf(recipe),
    // How many results are better.
    losses.filter((loss) => isLess(loss, losses[i] as number[])).length,
  ]);
  const isOn = paretoFront(costs);
  return results.filter((_, i) => isOn[i]).map(({ name }) => name);
}

/** What a result loses, the more important first: less is better. */
const lossOf = (result: SweepResult): number[] => [-(result.task?.quantized ?? 0), -sqnrOf(result)];

/** Whether there is anything to keep to. */
export const hasLimits = (limits: SweepLimits | undefined): limits is SweepLimits =>
  limits !== undefined && Object.values(limits).some((limit) => limit !== undefined);

/** The limits as flags. */
export function limitFlags({ maxSizeBytes, maxDrift, minSqnrDb }: SweepLimits): string {
  const flags = [
    maxSizeBytes === undefined ? '' : `--max-size ${maxSizeBytes}`,
    maxDrift === undefined ? '' : `--max-drift ${Number((100 * maxDrift).toPrecision(12))}%`,
    minSqnrDb === undefined ? '' : `--min-sqnr ${minSqnrDb}`,
  ];
  return flags.filter((flag) => flag !== '').join(' ');
}

/**
 * The best result that keeps to the limits. With a limit of size, the one of the best quality (accuracy, then SQNR, then
 * size); without, the smallest file (then accuracy, then SQNR). Of equals the first.
 *
 * @returns undefined where no result keeps to them
 * @throws QuantizeError `bad-option` for a limit of drift where there are no classes
 */
export function chooseBest(results: readonly SweepResult[], limits: SweepLimits): SweepResult | undefined {
  const { maxSizeBytes = Number.POSITIVE_INFINITY, maxDrift, minSqnrDb = Number.NEGATIVE_INFINITY } = limits;
  if (maxDrift !== undefined) checkDrift(results);
  const fits = results.filter(
    (result) =>
      result.sizeBytes <= maxSizeBytes &&
      sqnrOf(result) >= minSqnrDb &&
      (maxDrift === undefined || (driftOf(result) ?? Number.POSITIVE_INFINITY) <= maxDrift),
  );
  const costs = (result: SweepResult) =>
    limits.maxSizeBytes === undefined
      ? [result.sizeBytes, ...lossOf(result)]
      : [...lossOf(result), result.sizeBytes];
  return fits.reduce<SweepResult | undefined>(
    (best, result) => (best && !isLess(costs(result), costs(best)) ? best : result),
    undefined,
  );
}

/**
 * A limit of drift needs something that it can be measured by.
 *
 * @throws QuantizeError `bad-option`
 */
export function checkDrift(results: readonly SweepResult[]): void {
  if (results.every((result) => driftOf(result) !== undefined)) return;
  const mend = 'Give --min-sqnr instead.';
  const problem = 'is a share of samples, and no output of this model holds class scores';
  throw new QuantizeError('bad-option', { flag: '--max-drift', problem, mend });
}

/** Whether one list of numbers comes before another, the first that differs deciding. */
function isLess(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && (a[at] as number) < (b[at] as number);
}
