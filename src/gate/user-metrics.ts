import type { Metric, Reading } from './metric.js';
import { open } from './units.js';

/** What stands before the name of a metric of a user's own module. */
export const USER_PREFIX = 'user.';

/** What makes a user's metric the float value less the quantized one. */
const DROP_SUFFIX = '_drop';

/** A metric of a user's own module: its value for the quantized model, or what it lost where the name ends in `_drop`. */
export function userMetric(name: string): Metric {
  const key = name.slice(USER_PREFIX.length);
  return {
    name,
    summary: 'a metric of --metric',
    unit: open,
    better: key.endsWith(DROP_SUFFIX) ? 'lower' : 'higher',
    of: undefined,
    isMain: true,
    read({ metrics }): Reading {
      const find = (wanted: string) => metrics.find((metric) => metric.name === wanted);
      const exact = find(key);
      if (exact) return readingOf(exact.quantized);
      const base = key.endsWith(DROP_SUFFIX) ? find(key.slice(0, -DROP_SUFFIX.length)) : undefined;
      if (base)
        return readingOf(base.float === null || base.quantized === null ? null : base.float - base.quantized);
      if (metrics.length === 0) return { missing: 'no metric of your own was given, with --metric' };
      const names = metrics.map((metric) => `"${metric.name}"`).join(', ');
      return { missing: `--metric gave no such metric, only ${names}` };
    },
  };
}

const readingOf = (value: number | null): Reading =>
  value === null ? { missing: 'the module gave no finite number' } : { value };
