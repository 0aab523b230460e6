import type { Comparison, Gate } from './gate.js';
import type { Found, Measured } from './metric.js';
import type { GateOutcome } from './outcome.js';
import { changeOf, share, showChange, showValue } from './units.js';

/**
 * What came of each gate. A metric that cannot be computed fails its gate, with the reason.
 *
 * @param baseline - a result saved before, which the gates on changes compare with
 */
export function checkGates(
  measured: Measured,
  gates: readonly Gate[],
  baseline: Measured | undefined,
): GateOutcome[] {
  return gates.map((gate) =>
    gate.isChange ? checkChange(measured, gate, baseline) : checkValue(measured, gate),
  );
}

function checkValue(measured: Measured, gate: Gate): GateOutcome {
  const { metric, target, comparison, limit } = gate;
  const reading = metric.read(measured, target);
  if ('missing' in reading) return failure(gate, reading.missing);
  const { value } = reading;
  const passed = holds(value, comparison, limit);
  const show = (more: number) => showValue(metric.unit, value, more);
  // What is shown must not contradict the verdict: 300.1 kB, not 300 kB, where the limit is 300 KB.
  const digits = [0, 1, 2, 3, 4, 5].find((more) => !isRoundedTo(value, limit, more, metric.unit)) ?? 0;
  return outcome(gate, reading, passed, show(digits));
}

/** Whether a value reads like the limit at some digits, though it differs. */
function isRoundedTo(value: number, limit: number, more: number, unit: Gate['metric']['unit']): boolean {
  return !isClose(value, limit) && showValue(unit, value, more) === showValue(unit, limit, more);
}

function checkChange(measured: Measured, gate: Gate, baseline: Measured | undefined): GateOutcome {
  const { metric, target, isRelative, comparison, limit } = gate;
  if (!baseline) return failure(gate, 'there is no baseline; give one with --baseline');
  const [before, after] = [metric.read(baseline, target), metric.read(measured, target)];
  if ('missing' in after) return failure(gate, after.missing);
  if ('missing' in before) return failure(gate, `not in the baseline: ${before.missing}`);
  const difference = changeOf(before.value, after.value);
  const change = isRelative && difference !== 0 ? difference / Math.abs(before.value) : difference;
  const [from, to] = [showValue(metric.unit, before.value), showValue(metric.unit, after.value)];
  const shown = isRelative
    ? `${showChange(share, change).replace(/ points$/, ' %')}`
    : showChange(metric.unit, change);
  return outcome(
    gate,
    { ...after, value: change },
    holds(change, comparison, limit),
    `${shown} (${from} → ${to})`,
  );
}

function outcome({ text, level }: Gate, { value, at }: Found, passed: boolean, shown: string): GateOutcome {
  return {
    gate: text,
    level,
    value: Number.isFinite(value) ? value : null,
    shown: at === undefined ? shown : `${shown} at ${at}`,
    passed,
    reason: null,
  };
}

const failure = ({ text, level }: Gate, reason: string): GateOutcome => ({
  gate: text,
  level,
  value: null,
  shown: 'not measured',
  passed: false,
  reason,
});

/**
 * Differences of shares are off by some 1e−16, and those of a point in a million samples by 1e−10 of themselves: what is
 * nearer than that is the limit itself.
 */
const TOLERANCE = 1e-9;

const isClose = (a: number, b: number): boolean =>
  a === b || (Number.isFinite(a - b) && Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b)));

function holds(value: number, comparison: Comparison, limit: number): boolean {
  const isEqual = isClose(value, limit);
  switch (comparison) {
    case '<':
      return !isEqual && value < limit;
    case '<=':
      return isEqual || value <= limit;
    case '>':
      return !isEqual && value > limit;
    case '>=':
      return isEqual || value >= limit;
  }
}

/** Whether a run fails: an `error` gate did not pass. */
export const hasFailed = (outcomes: readonly GateOutcome[]): boolean =>
  outcomes.some(({ passed, level }) => !passed && level === 'error');
