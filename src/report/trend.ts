import { formatBytes, formatDb, formatPercent, formatSigned } from './format.js';
import { pointOf } from './history.js';
import type { HistoryPoint, SetPoint } from './history-point.js';
import type { Result } from './result.js';

/** How one number went over the runs. */
export interface Trend {
  readonly name: string;
  /** The oldest first, this run last; null where it was not measured. */
  readonly values: readonly (number | null)[];
  /** The first, the one before, and this run's for people. */
  readonly first: string;
  readonly now: string;
  /** Against the run before, for people. */
  readonly change: string;
  readonly isTimed: boolean;
}

type Measure = {
  readonly name: string;
  readonly pick: (point: HistoryPoint) => number | null;
  readonly show: (value: number) => string;
  readonly change: (before: number, after: number) => string;
  readonly isTimed?: true;
};

const points = (before: number, after: number) => `${formatSigned(100 * (after - before), 2)} points`;

const ofSamples: readonly (Omit<Measure, 'pick'> & { readonly pick: (point: SetPoint) => number | null })[] =
  [
    { name: 'top-1', pick: ({ top1 }) => top1, show: formatPercent, change: points },
    { name: 'same top-1', pick: ({ agreement }) => agreement, show: formatPercent, change: points },
    {
      ...{ name: 'SQNR', pick: ({ sqnrDb }: SetPoint) => sqnrDb, show: formatDb },
      change: (before, after) => `${formatSigned(after - before, 1)} dB`,
    },
  ];

const measures: readonly Measure[] = [
  {
    ...{ name: 'size', pick: ({ sizeBytes }: HistoryPoint) => sizeBytes, show: formatBytes },
    change: (before, after) => `${formatSigned((100 * (after - before)) / before, 1)} %`,
  },
  ...ofSamples,
  {
    ...{ name: 'speed', pick: ({ speedup }: HistoryPoint) => speedup, isTimed: true as const },
    show: (value) => `${value.toFixed(2)}×`,
    change: (before, after) => `${formatSigned(after - before, 2)}×`,
  },
];

/** How size, accuracy, drift and speed went; empty without earlier runs. */
export function trendsOf(result: Result): Trend[] {
  const { history } = result;
  if (history.length === 0) return [];
  const all = [...history, pointOf(result)];
  // Of several sets the first is what the others stand beside.
  const others = result.sets.slice(1).flatMap(({ name }) => ofSet(name));
  return [...measures, ...others].flatMap(({ name, pick, show, change, isTimed = false }) => {
    const values = all.map(pick);
    const known = values.filter((value) => value !== null);
    const [first] = known;
    const now = values.at(-1) ?? null;
    const before = values.slice(0, -1).findLast((value) => value !== null) ?? null;
    if (known.length < 2 || first === undefined || now === null) return [];
    const changed = before === null ? '–' : change(before, now);
    return [{ name, values, first: show(first), now: show(now), change: changed, isTimed }];
  });
}

/** How what is measured on one of several sets went. */
const ofSet = (set: string): Measure[] =>
  ofSamples.map(({ name, pick, ...shown }) => ({
    ...shown,
    name: `${name} on ${set}`,
    pick: ({ sets }) => {
      const point = sets?.[set];
      return point ? pick(point) : null;
    },
  }));

const BARS = '▁▂▃▄▅▆▇█';

/** The last values as characters, the lowest and the highest as far apart as they go. */
export function sparkline(values: readonly (number | null)[], most = 20): string {
  const shown = values.slice(-most);
  const known = shown.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return shown
    .map((value) => {
      if (value === null) return '·';
      const share = high > low ? (value - low) / (high - low) : 0.5;
      return BARS[Math.round(share * (BARS.length - 1))];
    })
    .join('');
}
