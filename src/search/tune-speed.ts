import { type Gain, measureGain } from '../evaluate/measure-speed.js';
import { profileNodes } from '../evaluate/profile-nodes.js';
import type { Feed } from '../numerics/nd-array.js';
import type { MachineOptions } from '../options.js';
import type { Planner } from '../quantize/planner.js';
import { NONE, type Recipe } from '../recipe.js';
import { type Attempt, quantizeAs } from './quantize-as.js';
import { inFloatArithmetic } from './remedies.js';

/** What was found to be faster with float kernels, on this machine. */
export interface SpeedTuning {
  /** Layers that calculate in float: their ids. */
  readonly layers: readonly string[];
  /** How much faster the model is with them than without. */
  readonly gain: number;
  /** Models that were timed. */
  readonly tried: number;
}

/** How tuning is followed. */
interface TuneSettings extends MachineOptions {
  readonly pause?: (() => Promise<void>) | undefined;
  /** How much faster the second model is than the first; by timing them, where it is not given. */
  readonly gainOf?: ((first: Attempt, second: Attempt) => Promise<Gain>) | undefined;
}

/** A change that is taken makes the model faster by this, surely by something, or it is none. */
const WORTH = 1.01;
/** Runs of layers that are tried. */
const MOST_SEGMENTS = 8;
/** A run of layers that gains less than this share of the model's time is not tried. */
const LEAST_SHARE = 0.01;

/**
 * Find layers that float kernels compute faster than integer ones on this machine, and let them calculate in float: their
 * weights stay in few bits, the file as small.
 *
 * What each layer takes in both models, by the runtime's profile, says which runs of layers, in the order of the data, may
 * gain. Each is then timed in the whole model, where conversions at its ends count, against the best so far, run by run in turn.
 * A layer with nothing but integers around it never gains alone; so runs from the first layer on are tried, too, and all layers.
 * Then halves, quarters and eighths of the layers are tried on integers again.
 */
export async function tunedForSpeed(
  planner: Planner,
  given: Recipe,
  feed: Feed,
  settings: TuneSettings,
): Promise<{ recipe: Recipe; tuning: SpeedTuning }> {
  const { model } = planner;
  // Times do not depend on what refining changes.
  const quantizeWith = async (layers: readonly string[]): Promise<Attempt> => {
    const recipe = { ...given, refine: NONE };
    const placement = planner.place(recipe);
    return quantizeAs(planner, inFloatArithmetic({ graph: model.graph, recipe, placement }, layers));
  };
  const start = await quantizeWith([]);
  const layers = start.plan.placement.weighted.filter(
    ({ runs, owner }) => runs.kind !== 'float' && owner === undefined,
  );
  const ids = layers.map(({ node }) => node.id);
  if (ids.length === 0) return { recipe: given, tuning: { layers: [], gain: 1, tried: 0 } };
  await settings.pause?.();
  const floatTimes = await profileNodes(model, feed, settings);
  await settings.pause?.();
  const times = await profileNodes(start.emitted.model, feed, settings);
  const total = [...times.values()].reduce((sum, ms) => sum + ms, 0);
  // A kernel goes by the layer, or by the last of what is fused with it.
  const nodes = new Map(model.graph.nodes.flatMap(({ id, outputs }) => outputs.map((value) => [value, id])));
  const gains = layers.map(({ node, result }) => {
    const names = new Set([node.id, nodes.get(result) ?? node.id]);
    const timeIn = (found: ReadonlyMap<string, number>) =>
      [...names].reduce((sum, name) => sum + (found.get(name) ?? 0), 0);
    return timeIn(times) - timeIn(floatTimes);
  });
  const gainOf =
    settings.gainOf ??
    ((first: Attempt, second: Attempt) => measureGain(first.bytes, second.bytes, feed, settings));
  let best = { layers: [] as readonly string[], made: start };
  let tried = 0;
  const attempt = async (layers: readonly string[]): Promise<void> => {
    if (layers.length === best.layers.length) return;
    await settings.pause?.();
    const made = await quantizeWith(layers);
    tried++;
    if (isWorth(await gainOf(best.made, made))) best = { layers, made };
  };
  const isIn = ({ from, end }: Segment, id: string): boolean => ids.slice(from, end).includes(id);
  for (const segment of candidateRuns(gains, LEAST_SHARE * total))
    await attempt(ids.filter((id) => best.layers.includes(id) || isIn(segment, id)));
  for (const segment of partsOf(ids.length)) await attempt(best.layers.filter((id) => !isIn(segment, id)));
  // Of many that are timed the one that is taken had luck, too: what it gains is measured by itself.
  const outcome = best.layers.length > 0 && (await gainOf(start, best.made));
  if (!outcome || outcome.ratio < WORTH) return { recipe: given, tuning: { layers: [], gain: 1, tried } };
  const placement = planner.place(given);
  const recipe = inFloatArithmetic({ graph: model.graph, recipe: given, placement }, best.layers);
  return { recipe, tuning: { layers: best.layers, gain: outcome.ratio, tried } };
}

const isWorth = ({ ratio, atLeast }: Gain): boolean => ratio >= WORTH && atLeast > 1;

/** Layers from the one to before the other. */
export interface Segment {
  readonly from: number;
  readonly end: number;
}

/**
 * Runs of layers that may gain: those whose gains add up to most, apart from one another, best first; then the first one, two,
 * four, … layers, and all.
 *
 * @param gains - of each layer, in the order of the data
 * @param least - what a run must gain
 */
export function candidateRuns(gains: readonly number[], least: number): Segment[] {
  const found: (Segment & { sum: number })[] = [];
  const seek = (from: number, end: number): void => {
    const best = greatestRun(gains, from, end);
    if (!best || best.sum < least) return;
    found.push(best);
    seek(from, best.from);
    seek(best.end, end);
  };
  seek(0, gains.length);
  const segments = found.sort((a, b) => b.sum - a.sum).slice(0, MOST_SEGMENTS);
  const prefixes: Segment[] = [];
  for (let end = 1; end < gains.length; end *= 2) prefixes.push({ from: 0, end });
  return [...segments, ...prefixes, { from: 0, end: gains.length }];
}

/** Parts into which the layers are cut, the finest an eighth. */
const FINEST_PART = 8;

/** Halves of so many layers, then quarters, then eighths, as far as they hold a layer. */
function partsOf(layers: number): Segment[] {
  const parts: Segment[] = [];
  for (let count = 2; count <= Math.min(FINEST_PART, layers); count *= 2) {
    const at = (part: number) => Math.round((part * layers) / count);
    for (let part = 0; part < count; part++) parts.push({ from: at(part), end: at(part + 1) });
  }
  return parts;
}

/** The run of greatest sum (Kadane), the shortest of equals. */
function greatestRun(gains: readonly number[], from: number, end: number) {
  let best: (Segment & { sum: number }) | undefined;
  let start = from;
  let sum = 0;
  for (let at = from; at < end; at++) {
    if (sum <= 0) [start, sum] = [at, 0];
    sum += gains[at] ?? 0;
    if (!best || sum > best.sum) best = { from: start, end: at + 1, sum };
  }
  return best;
}
