import { quantizationError } from '../../calibration/observers/mse.js';
import type { Observer } from '../../calibration/observers/observer.js';
import type { RangeSource } from '../../calibration/range-sources/range-source.js';
import { RunningSums } from '../../calibration/running-sums.js';
import type { TensorStatistics } from '../../calibration/statistics.js';
import type { Ranges } from '../calibrate/find-ranges.js';
import { joinsFarApart } from '../evaluate/far-joins.js';
import { inputAt, type Model, type Node } from '../graph/model.js';
import type { Placement, WeightedNode } from '../place/placement.js';
import { formOf } from '../place/targets/targets.js';
import type { WidenedNode } from '../quantize/plan.js';
import { asksActivations, MAX_BITS, named, type Recipe, type Rule, WIDE_BITS } from '../recipe.js';
import { unseenNodes } from './unseen.js';

/** From here on 8 bits hold a value well enough: an error of a thirtieth. */
const ENOUGH_DB = 30;

/** A recipe with what the statistics ask of it, what it places, and what was asked. */
export interface Widened {
  readonly recipe: Recipe;
  readonly placement: Placement;
  readonly nodes: readonly WidenedNode[];
}

/** What is looked at: the folded model, what calibration saw of it, and the placement of any recipe. */
export interface WidenSources {
  readonly model: Model;
  readonly ranges: Ranges;
  readonly rangeSources: readonly RangeSource[];
  readonly place: (recipe: Recipe) => Placement;
}

/**
 * Rules for what 8 bits do not hold on the samples, before those of the user, which win.
 *
 * - A layer whose input or result has an SQNR below 30 dB at 8 bits, by the quantizer that it would get: few values far out
 *   of all others stretch the range.
 * - A layer whose ranges the samples do not show: in a branch that none of them took, and behind it.
 * - A Concat of values whose ranges are more than 30 times apart, and the layers that read it: boxes to 640 beside scores to 1.
 *
 * They compute in float; where the target has kernels for 16 bits, layers get inputs of such, and a join with them. What is float then lets other values
 * have ranges of their own, so that all is looked at again until nothing is found.
 */
export function widen(recipe: Recipe, sources: WidenSources): Widened {
  const found: WidenedNode[] = [];
  let whole = recipe;
  let placement = sources.place(recipe);
  for (;;) {
    const more = beyondEightBits(whole, placement, sources);
    if (more.length === 0) return { recipe: whole, placement, nodes: found };
    found.push(...more);
    whole = withAll(recipe, found);
    placement = sources.place(whole);
  }
}

const hasWide = ({ target }: Recipe): boolean => formOf(target).widest === WIDE_BITS;

/** What reads a join of far ranges keeps its weights, too: their error is multiplied by the large values, and added to the small. */
function withAll(recipe: Recipe, nodes: readonly WidenedNode[]): Recipe {
  const ruled = (all: readonly WidenedNode[], actBits: Rule['actBits']): Rule[] =>
    all.map(({ id, because: { kind } }) => ({
      pattern: id,
      actBits: kind === 'unseen' || kind === 'empty' ? 'float' : actBits,
    }));
  if (hasWide(recipe)) return { ...recipe, rules: [...ruled(nodes, WIDE_BITS), ...recipe.rules] };
  const [readers, others] = [true, false].map((reads) =>
    nodes.filter(({ because }) => (because.kind === 'reads') === reads),
  ) as [WidenedNode[], WidenedNode[]];
  return {
    ...recipe,
    rules: [...ruled(others, 'float'), ...recipe.rules],
    exclude: [...recipe.exclude, ...readers.map(({ id }) => id)],
  };
}

function beyondEightBits(
  recipe: Recipe,
  placement: Placement,
  { model, ranges, rangeSources }: WidenSources,
): WidenedNode[] {
  const { activations, rules } = recipe;
  if (activations.kind !== 'static' || !ranges.statistics) return [];
  const source = named(rangeSources, activations.observer);
  const { tensors } = ranges.statistics;
  const unseen = unseenNodes(model, placement, tensors).flatMap(({ node, because }): WidenedNode[] =>
    asksActivations({ rules }, node) ? [] : [{ id: node.id, because }],
  );
  if (unseen.length > 0 || source.from === 'batch-norm') return unseen;
  const choices = ranges.source === activations.observer ? ranges.choices : undefined;
  const isAsked = (node: Node) => asksActivations({ rules }, node);
  const settings = activations.observerSettings;
  const sqnrOf = (value: string): number => {
    const { root = value } = placement.values.get(value) ?? {};
    const seen = tensors.get(root);
    const observer = choices?.get(root) ?? source.observer;
    return seen ? sqnrAtEight(seen, observer, settings) : Number.POSITIVE_INFINITY;
  };

  const rangeOf = (root: string) => {
    const seen = tensors.get(root);
    return seen && seen.min <= seen.max ? seen : undefined;
  };
  const nodes = new Map(model.graph.nodes.map((node) => [node.id, node]));
  const joins = joinsFarApart(model.graph, placement, rangeOf).flatMap(
    ({ id, small, large }): WidenedNode[] => {
      const node = nodes.get(id);
      return node && !isAsked(node) ? [{ id, because: { kind: 'join', small, large } }] : [];
    },
  );
  const layers = placement.weighted.flatMap((weighted): WidenedNode[] => {
    const { node, runs, recipe: own } = weighted;
    if (runs.kind !== 'integer' || isAsked(node)) return [];
    const input = inputAt(node, 0) ?? '';
    const { root = '' } = placement.values.get(input) ?? {};
    if (own.actBits === WIDE_BITS) return [];
    if (joins.some(({ id }) => id === root)) return [{ id: node.id, because: { kind: 'reads', join: root } }];
    if (own.actBits !== MAX_BITS) return [];
    const values = hasWide(recipe) ? [input] : [input, ...resultsOf(weighted, placement)];
    const [worst] = values
      .map((value) => ({ value, sqnrDb: sqnrOf(value) }))
      .sort((a, b) => a.sqnrDb - b.sqnrDb);
    return worst && worst.sqnrDb < ENOUGH_DB ? [{ id: node.id, because: { kind: 'range', ...worst } }] : [];
  });
  return hasWide(recipe) ? layers : [...joins, ...layers];
}

/** The result of a layer, where it is written in codes. */
const resultsOf = ({ result }: WeightedNode, { values }: Placement): string[] =>
  values.has(result) ? [result] : [];

const known = new WeakMap<TensorStatistics, Map<string, number>>();

/** Energy of a value over the squared error of the quantizer that it gets at 8 bits, in dB. */
function sqnrAtEight(
  seen: TensorStatistics,
  observer: Observer,
  settings: Parameters<Observer['quantizer']>[2],
): number {
  if (seen.nonFinite > 0 || !(seen.min < seen.max)) return Number.POSITIVE_INFINITY;
  const key = JSON.stringify([observer.name, settings]);
  const ofTensor = known.get(seen) ?? new Map<string, number>();
  known.set(seen, ofTensor);
  const before = ofTensor.get(key);
  if (before !== undefined) return before;
  const sums = new RunningSums(seen.distribution());
  const error = quantizationError(sums, observer.quantizer(seen, MAX_BITS, settings));
  const [, , energy] = sums.upTo(Number.POSITIVE_INFINITY);
  const sqnr = error > 0 ? 10 * Math.log10(energy / error) : Number.POSITIVE_INFINITY;
  ofTensor.set(key, sqnr);
  return sqnr;
}
