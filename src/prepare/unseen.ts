import type { TensorStatistics } from '../../calibration/statistics.js';
import { resultsBefore } from '../calibrate/shown-results.js';
import { clampBounds } from '../graph/clamp-bounds.js';
import { flatOf } from '../graph/flat.js';
import { type Influences, influencesOf } from '../graph/influences.js';
import { type Graph, isOp, type Model, type Node } from '../graph/model.js';
import type { Placement } from '../place/placement.js';
import type { WidenedNode } from '../quantize/plan.js';

type Seen = Pick<TensorStatistics, 'min' | 'max' | 'nonFinite'>;
type Unseen = Extract<WidenedNode['because'], { kind: 'unseen' | 'empty' }>;

/** What was observed, by value. */
type Tensors = ReadonlyMap<string, Seen>;

/** Of the interval that an operator gives, so much must have been seen for its range to hold whatever it reads. */
const COVERED = 0.9;

const hasNone = (seen: Seen | undefined): boolean => !(seen && seen.min <= seen.max);

/**
 * Layers, and products of two activations, that are placed on integers, but whose ranges the samples do not show:
 *
 * - in the body of an If, Loop or Scan, where no sample had an element of their input or result: a branch that none of them took, a loop
 *   without a step;
 * - behind such a node, up to what is as large whatever comes: what is observed there comes of the branches taken alone;
 * - where a value had no element on any sample, and behind it.
 *
 * @param tensors - what samples showed, by value
 */
export function unseenNodes(
  model: Pick<Model, 'graph' | 'opsets'>,
  placement: Pick<Placement, 'roles' | 'values' | 'weighted'>,
  tensors: Tensors,
): { readonly node: Node; readonly because: Unseen }[] {
  const { roles, values, weighted } = placement;
  const flat = flatOf(model.graph);
  const rootOf = (value: string): string | undefined => values.get(value)?.root;
  const behind = valuesBehind(model, flat.graph, placement, tensors);
  const results = new Map(weighted.map(({ node: { id }, result }) => [id, result]));
  return flat.graph.nodes.flatMap((node) => {
    const [owner] = flat.holders.get(node.id) ?? [];
    const role = roles.get(node.id);
    const isLayer = role?.kind === 'weighted' && role.weighted.runs.kind === 'integer';
    const isProduct = role?.kind === 'arithmetic' && isOp(node, 'MatMul');
    if (!(isLayer || isProduct)) return [];
    const own = [...node.inputs, results.get(node.id) ?? ''].filter((value) => values.has(value));
    const isInside = owner !== undefined && own.some((value) => hasNone(tensors.get(rootOf(value) ?? '')));
    const [why] = own.flatMap((value) => behind.get(value) ?? behind.get(rootOf(value) ?? '') ?? []);
    const because: Unseen | undefined = isInside
      ? { kind: 'unseen', place: 'inside', owner: labelOf(owner) }
      : why;
    return because ? [{ node, because }] : [];
  });
}

const labelOf = ({ opType, id }: Node): string => `${opType} "${id}"`;

/** The values whose range is not all that can come, and why. */
function valuesBehind(
  model: Pick<Model, 'graph' | 'opsets'>,
  flat: Graph,
  { values }: Pick<Placement, 'values'>,
  tensors: Tensors,
): Map<string, Unseen> {
  const made = new Set(model.graph.nodes.flatMap(({ outputs }) => outputs));
  const behind = new Map<string, Unseen>();
  for (const { name, root } of values.values()) {
    const seen = tensors.get(name);
    const isEmpty = name === root && seen !== undefined && hasNone(seen) && seen.nonFinite === 0;
    // Not of what the caller feeds, as the past of a decoder: what comes of it is as what comes of the present. Nor of bodies, below.
    if (isEmpty && made.has(name)) behind.set(name, { kind: 'empty', value: name });
  }
  if (behind.size === 0 && flat.nodes.length === model.graph.nodes.length) return behind;
  const influences = influencesOf(flat);
  for (const { name, holder } of resultsBefore(model, [...values.keys()], influences)) {
    const seen = tensors.get(name);
    if (seen && hasNone(seen)) behind.set(name, { kind: 'unseen', place: 'behind', owner: labelOf(holder) });
  }
  if (behind.size === 0) return behind;
  const covered = coveredValues(flat, { values }, tensors);
  const readers = reversed(influences);
  for (const [value, because] of behind)
    for (const reader of readers.get(value) ?? [])
      if (!behind.has(reader) && !covered.has(reader)) behind.set(reader, because);
  return behind;
}

function reversed(influences: Influences): Map<string, string[]> {
  const readers = new Map<string, string[]>();
  for (const [value, names] of influences)
    for (const name of names) readers.set(name, [...(readers.get(name) ?? []), value]);
  return readers;
}

/** What operators make that give an interval whatever they read, where samples took nearly all of it. */
function coveredValues(graph: Graph, { values }: Pick<Placement, 'values'>, tensors: Tensors): Set<string> {
  const covered = new Set<string>();
  for (const node of graph.nodes) {
    const [name = ''] = node.outputs;
    const seen = values.get(name)?.root === name ? tensors.get(name) : undefined;
    const interval = seen && intervalOf(graph, node);
    if (!interval) continue;
    const [low, high] = interval;
    const isWhole = Math.min(seen.min, 0) <= COVERED * low && Math.max(seen.max, 0) >= COVERED * high;
    if (isWhole) covered.add(name);
  }
  return covered;
}

/** The interval that an operator gives whatever it reads. */
function intervalOf(graph: Graph, node: Node): [low: number, high: number] | undefined {
  if (isOp(node, 'Sigmoid', 'HardSigmoid', 'Softmax')) return [0, 1];
  if (isOp(node, 'Tanh', 'Softsign')) return [-1, 1];
  if (!isOp(node, 'Clip')) return undefined;
  const { low, high } = clampBounds(graph, node);
  return Number.isFinite(low) && Number.isFinite(high) ? [Math.min(low, 0), Math.max(high, 0)] : undefined;
}
