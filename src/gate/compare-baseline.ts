import type { Measured, Metric } from './metric.js';
import { metrics } from './metrics.js';
import type { BaselineRecord } from './outcome.js';
import { readOn, setsOf } from './read-on.js';
import { changeOf, showChange } from './units.js';
import { USER_PREFIX, userMetric } from './user-metrics.js';

type Change = BaselineRecord['changes'][number];

/** How the main metrics changed since a result that was saved before; those that neither of the two has are left out. */
export function compareBaseline(measured: Measured, baseline: Measured): BaselineRecord['changes'] {
  const own = [...new Set([...baseline.metrics, ...measured.metrics].map(({ name }) => name))];
  const shown = [
    ...metrics.filter(({ isMain }) => isMain),
    ...own.map((name) => userMetric(USER_PREFIX + name)),
  ];
  return shown.flatMap((metric) => changesOf(metric, measured, baseline));
}

function changesOf(metric: Metric, measured: Measured, baseline: Measured): Change[] {
  // One of several outputs is named, since the worst of them may be another one each time.
  const targets: readonly (string | undefined)[] =
    metric.of === 'output' && measured.outputs.length > 1
      ? measured.outputs.map(({ name }) => name)
      : [undefined];
  const names = setsOf(metric, measured);
  const sets: readonly (string | undefined)[] = names.length === 0 ? [undefined] : names;
  const asked = targets.flatMap((target) => sets.map((set) => ({ target, set })));
  return asked.flatMap(({ target, set }): Change[] => {
    const on = { target, set };
    const [before, after] = [readOn(metric, baseline, on), readOn(metric, measured, on)];
    if ('missing' in before && 'missing' in after) return [];
    const of = target === undefined ? metric.name : `${metric.name}[${target}]`;
    const name = set === undefined ? of : `${of}@${set}`;
    if ('missing' in before) return [change(name, null, after, `new: ${before.missing}, in the baseline`)];
    if ('missing' in after) return [change(name, before, null, `not measured: ${after.missing}`)];
    return [change(name, before, after, showChange(metric.unit, changeOf(before.value, after.value)))];
  });
}

type Value = { readonly value: number } | { readonly missing: string } | null;

function change(metric: string, before: Value, after: Value, shown: string): Change {
  // JSON has no infinity.
  const finite = (found: Value) =>
    found && 'value' in found && Number.isFinite(found.value) ? found.value : null;
  return { metric, before: finite(before), after: finite(after), shown };
}
