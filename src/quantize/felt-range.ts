import type { TensorStatistics } from '../../calibration/statistics.js';
import { clampBounds } from '../graph/clamp-bounds.js';
import { type Curve, curveOf } from '../graph/curves.js';
import { flatOf } from '../graph/flat.js';
import { type Graph, inputAt, isOp, type Node } from '../graph/model.js';
import { floatsOf, isFloatTensor } from '../graph/tensor.js';
import type { Uses } from '../graph/uses.js';
import { clamp } from '../numerics/round.js';
import type { Placement } from '../place/placement.js';

/** The statistics of a value, by its root, with elements that are all the same to its readers moved together. */
export type Felt = (root: string, seen: TensorStatistics) => TensorStatistics;

/** What elementwise operators make of an element, and into how many steps that is told apart. */
interface End {
  readonly curve: Curve;
  readonly steps: number;
}

interface Interval {
  readonly low: number;
  readonly high: number;
}

/** What is made of an element may be off by this share of a step, where elements are not told apart. */
const STEP_SHARE = 1 / 8;
/** Steps of what is made of a value: those of its codes, and far finer ones where it stays float. */
const CODE_STEPS = 255;
const FLOAT_STEPS = 4095;
/** Where a curve is looked at: so many intervals of the range, and of the one in which the bound lies. */
const POINTS = 512;
/** A range that would be no more than 2 % smaller is left. */
const LEAST_GAIN = 0.98;
/** Longer chains of elementwise operators are no activation function. */
const MOST_NODES = 24;

/**
 * Where elements of a value are all the same to whoever reads them, they need no codes: x·sigmoid(x) makes next to nothing of
 * −5 and −130 alike, HardSwish of all below −3, a sigmoid of all beyond ±8. The range that an observer chooses from then ends
 * there, so that the rest gets finer steps.
 *
 * The functions are those that elementwise operators and single constants make of a value, up to what reads them otherwise;
 * they are looked at as curves, whatever operators they are made of. A value that a layer, another operator or the outside reads, or a
 * body gives, as it is keeps its whole range.
 */
export function feltIn(whole: Graph, { values }: Pick<Placement, 'values'>): Felt {
  const { graph, uses } = flatOf(whole);
  const members = new Map<string, string[]>();
  for (const { name, root } of values.values()) {
    // What a clamp makes of codes is a function of them, though it shares their scale.
    const mover = name === root ? undefined : uses.producer(name);
    const own = members.get(root) ?? [];
    if (mover && (isOp(mover, 'Clip', 'Relu') || !own.includes(inputAt(mover, 0) ?? ''))) continue;
    members.set(root, [...own, name]);
  }
  return (root, seen) => {
    if (seen.nonFinite > 0 || !(seen.min < seen.max)) return seen;
    const found = curvesOf(graph, uses, members.get(root) ?? [root]);
    if (!found) return seen;
    const ends = found.map(([name, curve]) => ({
      curve,
      steps: values.has(name) ? CODE_STEPS : FLOAT_STEPS,
    }));
    const range = { low: Math.min(seen.min, 0), high: Math.max(seen.max, 0) };
    const felt = ends.map((end) => feltBy(end, range));
    const low = Math.min(0, ...felt.map((each) => each.low));
    const high = Math.max(0, ...felt.map((each) => each.high));
    return high - low > LEAST_GAIN * (range.high - range.low) ? seen : clipped(seen, low, high);
  };
}

const known = new WeakMap<TensorStatistics, Map<string, TensorStatistics>>();

/** The same object for the same ends, by which observers remember what they chose. */
function clipped(seen: TensorStatistics, low: number, high: number): TensorStatistics {
  const ofTensor = known.get(seen) ?? new Map<string, TensorStatistics>();
  known.set(seen, ofTensor);
  const key = `${low} ${high}`;
  const made = ofTensor.get(key) ?? seen.within(low, high);
  ofTensor.set(key, made);
  return made;
}

/** What is made of an element, and of which of the values that hold it: of a transposed value another element stands there. */
interface Made {
  readonly curve: Curve;
  readonly of: string;
}

type Known = ReadonlyMap<string, Made>;

/** What becomes of an element before it is read by anything but an elementwise operator; undefined where that is the element itself. */
function curvesOf(graph: Graph, uses: Uses, names: readonly string[]): [string, Curve][] | undefined {
  const known = new Map<string, Made>(names.map((of) => [of, { curve: (x) => x, of }]));
  const isOwn = new Set(names);
  // What is only moved is looked at where it arrives.
  const isMoved = (value: string, node: Node) =>
    isOwn.has(value) && node.outputs.some((name) => isOwn.has(name));
  for (const value of known.keys())
    for (const { node } of uses.readers(value)) {
      const output = node.outputs[0] ?? '';
      if (isMoved(value, node) || known.has(output)) continue;
      const made = madeOf(graph, node, known);
      if (made && known.size < names.length + MOST_NODES) known.set(output, made);
    }
  const ends = [...known].filter(
    ([value]) =>
      uses.isOutput(value) ||
      uses.isCaptured(value) ||
      uses.readers(value).some(({ node }) => !isMoved(value, node) && !known.has(node.outputs[0] ?? '')),
  );
  const isReadAsItIs = ends.length === 0 || ends.some(([value]) => isOwn.has(value));
  return isReadAsItIs ? undefined : ends.map(([value, { curve }]) => [value, curve]);
}

const binary: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Div: (a, b) => a / b,
  Max: Math.max,
  Min: Math.min,
  Mul: (a, b) => a * b,
  Pow: (a, b) => a ** b,
  Sub: (a, b) => a - b,
};

/** What a node makes of known values; undefined where it is no function of one element, or not yet. */
function madeOf(graph: Graph, node: Node, known: Known): Made | undefined {
  const [first = '', second = ''] = node.inputs;
  const one = known.get(first);
  const curve = curveOf(node);
  if (curve) return one && { ...one, curve: (x) => curve(one.curve(x)) };
  if (isOp(node, 'Clip')) {
    if (!one) return undefined;
    const { low, high } = clampBounds(graph, node);
    return { ...one, curve: (x) => clamp(one.curve(x), low, high) };
  }
  const both = node.domain === '' && node.inputs.length === 2 ? binary[node.opType] : undefined;
  const [a, b] = [one ?? numberAt(graph, first), known.get(second) ?? numberAt(graph, second)];
  const of = a?.of ?? b?.of;
  if (!both || !a || !b || of === undefined || (b.of ?? of) !== of) return undefined;
  return { of, curve: (x) => both(a.curve(x), b.curve(x)) };
}

/** A constant of one number. */
function numberAt(graph: Graph, name: string): { curve: Curve; of: undefined } | undefined {
  const tensor = graph.initializers.get(name);
  if (!tensor || !isFloatTensor(tensor)) return undefined;
  const values = floatsOf(tensor);
  const [only = 0] = values;
  return values.length === 1 ? { curve: () => only, of: undefined } : undefined;
}

/** The part of a range beyond which a curve changes by no more than a part of one step of its results. */
function feltBy({ curve, steps }: End, { low, high }: Interval): Interval {
  const results = pointsOf(low, high).map(curve);
  if (!results.every(Number.isFinite)) return { low, high };
  const tolerance = (STEP_SHARE * (Math.max(...results) - Math.min(...results))) / steps;
  return {
    low: Math.min(flatUpTo(curve, low, high, tolerance), 0),
    high: Math.max(flatUpTo(curve, high, low, tolerance), 0),
  };
}

const pointsOf = (from: number, to: number): number[] =>
  Array.from({ length: POINTS + 1 }, (_, i) => from + ((to - from) * i) / POINTS);

/** How far from one end of a range a curve stays where it is: no result there is further than the tolerance from that at the point. */
function flatUpTo(curve: Curve, end: number, other: number, tolerance: number): number {
  let [least, most] = [curve(end), curve(end)];
  const last = (points: readonly number[]): number => {
    let reached = 0;
    for (const [index, x] of points.entries()) {
      const y = curve(x);
      const [lower, upper] = [Math.min(least, y), Math.max(most, y)];
      if (upper - y > tolerance || y - lower > tolerance) break;
      [least, most, reached] = [lower, upper, index];
    }
    return reached;
  };
  const coarse = pointsOf(end, other);
  const from = coarse[last(coarse)] ?? end;
  // A curve that rises there ends where the range does.
  if (from === end) return end;
  const fine = pointsOf(from, from + (other - end) / POINTS);
  return fine[last(fine)] ?? from;
}
