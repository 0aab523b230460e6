import type { Bin, Distribution } from '../statistics.js';

/** The distribution of |x|: the bins of negative values mirrored and put between the others. */
export function magnitudes({ bins, min, max }: Distribution): Distribution {
  const split = bins.findIndex(({ low }) => low >= 0);
  const firstPositive = split < 0 ? bins.length : split;
  const negative = bins
    .slice(0, firstPositive)
    .reverse()
    .map(({ low, high, count }): Bin => ({ low: -high, high: -low, count }));
  const merged = mergeSorted(negative, bins.slice(firstPositive));
  const largest = Math.max(Math.abs(min), Math.abs(max));
  return { bins: merged, min: merged[0]?.low ?? 0, max: largest };
}

/** Bins of both signs share their edges, so that those of one magnitude become one. */
function mergeSorted(a: readonly Bin[], b: readonly Bin[]): Bin[] {
  const merged: Bin[] = [];
  const all = [...a, ...b].sort((one, other) => one.low - other.low || one.high - other.high);
  for (const bin of all) {
    const last = merged.at(-1);
    if (last && last.high > bin.low) {
      merged[merged.length - 1] = {
        low: last.low,
        high: Math.max(last.high, bin.high),
        count: last.count + bin.count,
      };
    } else merged.push(bin);
  }
  return merged;
}
