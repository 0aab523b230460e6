import type { Measured, MeasuredSet, Metric, Reading } from './metric.js';
import { USER_PREFIX, userMetric } from './user-metrics.js';

/** Which of the numbers of one metric is asked for. */
export interface Asked {
  /** The name in brackets. */
  readonly target?: string | undefined;
  /** The set of samples; without one the worst of all. */
  readonly set?: string | undefined;
}

/** Read a metric from a result that may be of several sets of samples. */
export function readOn(metric: Metric, measured: Measured, { target, set }: Asked = {}): Reading {
  if (set !== undefined) return readOnSet(metric, measured, { target, set });
  const names = setsOf(metric, measured);
  if (names.length === 0) return metric.read(measured, target);
  return worstReading(
    metric,
    names.map((name) => ({ name, reading: readOnSet(metric, measured, { target, set: name }) })),
  );
}

/** The sets that a metric is read on; none where there is one number, or one set alone. */
export function setsOf({ isSingle }: Metric, { sets = [] }: Measured): readonly string[] {
  return isSingle || sets.length < 2 ? [] : sets.map(({ name }) => name);
}

/** The worst of what was read on several sets, with the one that it is of. One that could not be taken may hide anything. */
export function worstReading(
  { better }: Pick<Metric, 'better'>,
  found: readonly { readonly name: string; readonly reading: Reading }[],
): Reading {
  const [first] = found;
  if (!first) return { missing: 'there is no set of samples' };
  let worst = first;
  for (const each of found) {
    const { name, reading } = each;
    if ('missing' in reading) return { missing: `${reading.missing} (set "${name}")` };
    if ('missing' in worst.reading) continue;
    const [now, before] = [reading.value, worst.reading.value];
    if (better === 'higher' ? now < before : now > before) worst = each;
  }
  const isSame = found.every(
    ({ reading }) => 'value' in reading && 'value' in worst.reading && reading.value === worst.reading.value,
  );
  return isSame || 'missing' in worst.reading ? worst.reading : { ...worst.reading, on: worst.name };
}

function readOnSet(
  metric: Metric,
  measured: Measured,
  { target, set }: { target: string | undefined; set: string },
): Reading {
  // A name of a user's metric may hold the sign, as in map@50.
  const whole =
    metric.name.startsWith(USER_PREFIX) && userMetric(`${metric.name}@${set}`).read(measured, undefined);
  if (whole && 'value' in whole) return whole;
  const { sets = [] } = measured;
  const found = sets.find(({ name }) => name === set);
  if (found) return metric.read(onSet(measured, found), target);
  const names = sets.map(({ name }) => `"${name}"`).join(', ');
  return {
    missing:
      sets.length === 0
        ? 'there is one set of samples; others are given with --eval-set'
        : `there is no such set of samples, only ${names}`,
  };
}

/** A result with what was measured on one of its sets. */
export const onSet = <T extends Measured>(measured: T, { outputs, task, metrics }: MeasuredSet): T => ({
  ...measured,
  outputs,
  task,
  metrics,
});
