import type { Comparison, Gate } from './gate.js';
import type { Found, Measured, Reading } from './metric.js';
import type { GateOutcome } from './outcome.js';
import { readOn, setsOf, worstReading } from './read-on.js';
import { changeOf, share, showChange, showValue, type Unit } from './units.js';

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
  const { metric, comparison, limit } = gate;
  const reading = readOn(metric, measured, gate);
  if ('missing' in reading) return failure(gate, reading.missing);
  const { value } = reading;
  const passed = holds(value, comparison, limit);
  const show = (more: number) => showValue(metric.unit, value, more);
  // What is shown must not contradict the verdict: 300.1 kB, not 300 kB, where the limit is 300 KB.
  const digits = [0, 1, 2, 3, 4, 5].find((more) => !isRoundedTo(value, limit, more, metric.unit)) ?? 0;
  return outcome(gate, reading, { passed, shown: show(digits), room: roomOf(gate, value) });
}

const signs: Readonly<Record<Comparison, string>> = { '<': '<', '<=': '≤', '>': '>', '>=': '≥' };

/** The limit of a gate for people. */
function limitOf({ comparison, limit, metric, isChange, isRelative }: Gate): string {
  const unit = isRelative ? share : metric.unit;
  const text = isChange && !isRelative ? showChange(unit, limit) : shownLimit(unit, limit);
  return `${signs[comparison]} ${text}`;
}

/** With as many digits as it takes to say it. */
function shownLimit(unit: Unit, limit: number): string {
  const exact = showValue(unit, limit, 6);
  const digits = [0, 1, 2, 3, 4, 5].find(
    (more) => Number.parseFloat(showValue(unit, limit, more)) === Number.parseFloat(exact),
  );
  return showValue(unit, limit, digits ?? 6);
}

/** What is left up to the limit of a gate, negative beyond it. */
function roomOf({ comparison, limit, metric, isRelative }: Gate, value: number): string {
  const room = comparison.startsWith('<') ? changeOf(value, limit) : changeOf(limit, value);
  return showChange(isRelative ? share : metric.unit, room);
}

/** Whether a value reads like the limit at some digits, though it differs. */
function isRoundedTo(value: number, limit: number, more: number, unit: Gate['metric']['unit']): boolean {
  return !isClose(value, limit) && showValue(unit, value, more) === showValue(unit, limit, more);
}

function checkChange(measured: Measured, gate: Gate, baseline: Measured | undefined): GateOutcome {
  const { metric, set, isRelative, comparison, limit } = gate;
  if (!baseline) return failure(gate, 'there is no baseline; give one with --baseline');
  const names = set === undefined ? setsOf(metric, measured) : [];
  const found =
    names.length === 0
      ? changeOn(gate, measured, baseline, set)
      : worstReading(
          metric,
          names.map((name) => ({ name, reading: changeOn(gate, measured, baseline, name) })),
        );
  if ('missing' in found) return failure(gate, found.missing);
  const change = found.value;
  const on = { target: gate.target, set: found.on ?? set };
  const [from, to] = [readOn(metric, baseline, on), readOn(metric, measured, on)].map((reading) =>
    'value' in reading ? showValue(metric.unit, reading.value) : '–',
  );
  const shown = isRelative
    ? `${showChange(share, change).replace(/ points$/, ' %')}`
    : showChange(metric.unit, change);
  return outcome(gate, found, {
    passed: holds(change, comparison, limit),
    shown: `${shown} (${from} → ${to})`,
    room: roomOf(gate, change),
  });
}

/** What changed on one set of samples, or on the only one. */
function changeOn(
  { metric, target, isRelative }: Gate,
  measured: Measured,
  baseline: Measured,
  set: string | undefined,
): Reading {
  const [before, after] = [baseline, measured].map((each) => readOn(metric, each, { target, set })) as [
    Reading,
    Reading,
  ];
  if ('missing' in after) return after;
  if ('missing' in before) return { missing: `not in the baseline: ${before.missing}` };
  const difference = changeOf(before.value, after.value);
  return {
    ...after,
    value: isRelative && difference !== 0 ? difference / Math.abs(before.value) : difference,
  };
}

function outcome(
  gate: Gate,
  { value, at, on }: Found,
  { passed, shown, room }: { passed: boolean; shown: string; room: string },
): GateOutcome {
  return {
    gate: gate.text,
    level: gate.level,
    value: Number.isFinite(value) ? value : null,
    shown: `${shown}${at === undefined ? '' : ` at ${at}`}${on === undefined ? '' : ` on ${on}`}`,
    passed,
    limit: limitOf(gate),
    margin: room,
    reason: null,
  };
}

const failure = (gate: Gate, reason: string): GateOutcome => ({
  gate: gate.text,
  level: gate.level,
  value: null,
  shown: 'not measured',
  passed: false,
  limit: limitOf(gate),
  margin: null,
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
