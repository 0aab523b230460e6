import { QuantizeError } from '../errors.js';
import type { GateSpec } from '../options.js';
import { nearestName } from '../validate/nearest-name.js';
import { type Comparison, comparisons, type Gate } from './gate.js';
import type { Metric } from './metric.js';
import { metrics } from './metrics.js';
import { scaleLimit, share } from './units.js';
import { USER_PREFIX, userMetric } from './user-metrics.js';

/** Ends the name of a metric whose change against the baseline is meant. */
const CHANGE_SUFFIX = '_change';

const SIGNS = '<>=!';

/**
 * The parts of `metric[target] < limit`: the brackets may hold anything, these signs and brackets too. By hand, since what
 * an expression would try again and again takes a minute for 500 blanks.
 */
function partsOf(text: string) {
  let end = text.length;
  while (end > 0 && !SIGNS.includes(text[end - 1] as string)) end--;
  let start = end;
  while (start > 0 && SIGNS.includes(text[start - 1] as string)) start--;
  const { before, set } = splitSet(text.slice(0, start).trim());
  const at = before.endsWith(']') ? before.indexOf('[') : -1;
  const name = at < 0 ? before : before.slice(0, at).trim();
  if (start === end || /[<>=![\]]/.test(name)) return undefined;
  const brackets = at < 0 ? undefined : before.slice(at);
  return { name, brackets, set, sign: text.slice(start, end), written: text.slice(end).trim() };
}

/** What stands before an `@`, and the set behind it. An output's name may hold the sign, and so may a change of a user's metric. */
function splitSet(text: string): { before: string; set: string | undefined } {
  const at = text.lastIndexOf('@');
  const isOwn = text.startsWith(USER_PREFIX) && text.endsWith(CHANGE_SUFFIX);
  if (at < 0 || text.indexOf(']', at) >= 0 || isOwn) return { before: text, set: undefined };
  return { before: text.slice(0, at).trim(), set: text.slice(at + 1).trim() };
}

/** A decimal number, and the unit behind it. */
const LIMIT = /^([+\-−]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(.*)$/i;

/**
 * Read a gate: `metric[output]@set<limit`, with one of < <= > >=, a limit with its unit, and `_change` behind the metric for
 * a limit on the change against the baseline.
 *
 * @throws QuantizeError `bad-gate` for what is no such expression, or names no metric that there is
 */
export function parseGate(spec: GateSpec): Gate {
  const { gate: text, level = 'error' } = typeof spec === 'string' ? { gate: spec } : spec;
  const bad = (problem: string, mend: string) => new QuantizeError('bad-gate', { gate: text, problem, mend });
  const found = partsOf(text);
  if (!found) throw bad('compares nothing with a limit', SHAPE);
  const { name, brackets, set, sign, written } = found;
  const comparison = comparisons.find((known) => known === sign);
  if (!comparison) throw bad(`compares with "${sign}"`, `Write one of ${comparisons.join(' ')}.`);
  if (name === '') throw bad('names no metric', SHAPE);
  const { metric, isChange } = findMetric(name, bad);
  const target = brackets?.slice(1, -1);
  if (target !== undefined && !metric.of)
    throw bad(
      `names "${target}" in brackets, but ${metric.name} is one number`,
      `Write ${name}${sign}${written}.`,
    );
  if (set === '') throw bad('has nothing behind its @', 'Write the name of a set of samples, or no @.');
  if (set !== undefined && metric.isSingle)
    throw bad(
      `names the set "${set}", but ${metric.name} is one number for all`,
      `Write ${name}${brackets ?? ''}${sign}${written}.`,
    );
  if (target === '')
    throw bad('has nothing in its brackets', `Write the name of one ${metric.of}, or no brackets.`);
  const { limit, isRelative } = parseLimit(
    written,
    metric,
    isChange,
    bad,
    `${name}${brackets ?? ''}${set === undefined ? '' : `@${set}`}${sign}`,
  );
  return { text, level, metric, target, set, isChange, isRelative, comparison, limit };
}

type Refuse = (problem: string, mend: string) => QuantizeError;

const SHAPE =
  'Write metric[output]@set<limit, of which the output and the set may be left out, as "top1_drop<0.5%" or "sqnr[logits]>=30dB"; `quantize metrics` lists the metrics.';

function findMetric(name: string, bad: Refuse): { metric: Metric; isChange: boolean } {
  const isChange = name.endsWith(CHANGE_SUFFIX);
  const base = isChange ? name.slice(0, -CHANGE_SUFFIX.length) : name;
  if (base.startsWith(USER_PREFIX) && base.length > USER_PREFIX.length)
    return { metric: userMetric(base), isChange };
  const metric = metrics.find((known) => known.name === base);
  if (metric) return { metric, isChange };
  const names = metrics.map((known) => known.name);
  const nearest = nearestName(base, names);
  const choices = `${names.join(', ')}, or user.<name>`;
  const mend = nearest
    ? `Did you mean ${nearest}${isChange ? CHANGE_SUFFIX : ''}? The metrics are ${choices}.`
    : `Choose one of ${choices}.`;
  throw bad(`names "${name}", which is no metric`, mend);
}

function parseLimit(
  written: string,
  metric: Metric,
  isChange: boolean,
  bad: Refuse,
  before: string,
): { limit: number; isRelative: boolean } {
  const { unit } = metric;
  const example = `Write ${before}${unit.example}.`;
  const [, digits, behind = ''] = LIMIT.exec(written) ?? [];
  if (digits === undefined) {
    const problem = written === '' ? 'has no limit' : `has the limit "${written}", which is no number`;
    throw bad(problem, example);
  }
  const number = digits.replace('−', '-');
  // A relative change of a share would be taken for one in points, and of decibels for one in dB.
  const isRelative = isChange && behind === '%' && unit !== share && !Object.hasOwn(unit.suffixes, 'db');
  const key = behind.toLowerCase();
  const suffix = isRelative
    ? share.suffixes['%']
    : Object.hasOwn(unit.suffixes, key)
      ? unit.suffixes[key]
      : undefined;
  if (suffix) return { limit: scaleLimit(number, suffix), isRelative };
  // Nothing is nothing in every unit.
  if (behind === '' && Number(number) === 0) return { limit: 0, isRelative };
  if (behind === '' && unit === share) {
    const problem = `has the limit "${written}" without a unit, which could be a share or a percentage`;
    throw bad(problem, `Write ${before}${number}%.`);
  }
  if (behind === '')
    throw bad(`has the limit "${written}" without a unit: ${metric.name} is ${unit.written}`, example);
  throw bad(`has its limit in "${behind}", but ${metric.name} is ${unit.written}`, example);
}

/** Whether two gates limit the same number on the same side: the later one then stands for both. */
export function isSameLimit(a: Gate, b: Gate): boolean {
  const side = (comparison: Comparison) => comparison[0];
  return (
    a.metric.name === b.metric.name &&
    a.target === b.target &&
    a.set === b.set &&
    a.isChange === b.isChange &&
    side(a.comparison) === side(b.comparison)
  );
}
