import { type ChannelMoments, expanded, normal } from '../graph/channel-moments.js';
import { affineMoments, type GraphEditor } from '../graph/editor.js';
import { linearLayerOf } from '../graph/linear-layer.js';
import type { Model } from '../graph/model.js';
import { propagate } from '../graph/propagate-moments.js';
import type { Rescaling } from '../recipe.js';
import { bestFactors, channelSizes, type FactorRules, gainDb, largestGainDb } from './channel-factors.js';
import type { ChannelGroup } from './channel-group.js';
import { type Measured, probeChannels, seenValue } from './probe-channels.js';
import { byInput, scaledWeight } from './set-weight.js';

/**
 * Gain, by the prediction, from which on channels are rescaled without being asked to: they are decades apart then. On
 * healthy networks equalization costs up to 3.8 dB where it gains 0.8.
 */
const AUTO_GAIN_DB = 10;

/** And from which on, where it was asked for: a bit of every channel. Below that the prediction is mostly wrong. */
const ASKED_GAIN_DB = 6;

/** A group of channels, and how what makes them is divided. */
export interface Candidate {
  readonly group: ChannelGroup;
  /** What is known of the channels where BatchNormalization and weights do not tell. */
  readonly own?: ChannelMoments | undefined;
  readonly divide: (factors: Float64Array) => void;
}

/**
 * Move factors between what makes channels and the layers that read them, where that is worth it. Two things must say so:
 * what the model itself tells of its channels (BatchNormalization, weights), and what they hold on random input, whatever
 * its scale. No sample is looked at, so that the folded model is one for all statistics. Where nothing promises a gain the
 * model is not run; where it cannot be run, it stays as it is.
 *
 * @param candidatesOf - the groups of the graph as it is now, found again for each round
 * @returns how many groups were rescaled
 */
export async function rescaleChannels(
  model: Model,
  editor: GraphEditor,
  rescaling: Rescaling,
  { rules, rounds }: { readonly rules: FactorRules; readonly rounds: number },
  candidatesOf: () => Candidate[],
): Promise<number> {
  if (rescaling === 'off') return 0;
  const least = rescaling === 'auto' ? AUTO_GAIN_DB : ASKED_GAIN_DB;
  let moments: Map<string, ChannelMoments> | undefined;
  // A graph without a group is not gone through.
  const known = () => {
    moments ??= knownMoments(model);
    return moments;
  };
  const ofModel = (group: ChannelGroup, own: ChannelMoments | undefined) => {
    const found = known().get(seenValue(group)) ?? own;
    return found && expanded(found, group.channels);
  };
  let measured: Measured[] | undefined;
  const changed = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const candidates = candidatesOf();
    for (const candidate of candidates) {
      const group = refreshed(editor, candidate.group);
      const modelled = ofModel(group, candidate.own);
      if (!modelled || !promises(group, modelled, least)) continue;
      measured ??= await probeChannels(
        model,
        candidates.map((each) => each.group),
      );
      const factors = chosenFactors(group, modelled, measured, { rules, least });
      if (!factors) continue;
      candidate.divide(factors);
      moveFactors(editor, group, factors);
      for (const each of [known(), ...measured]) divideMoments(each, group, factors);
      changed.add(group.value);
    }
  }
  return changed.size;
}

/** Whether even the best that could be would be enough: that costs one look at each weight. */
function promises({ readers, channels }: ChannelGroup, moments: ChannelMoments, least: number): boolean {
  return largestGainDb(channelSizes(moments, readers, channels)) > least;
}

/** Factors that every source of knowledge finds worth it: those of the model itself, or else of what was measured. */
function chosenFactors(
  group: ChannelGroup,
  modelled: ChannelMoments,
  measured: readonly Measured[],
  { rules, least }: { readonly rules: FactorRules; readonly least: number },
): Float64Array | undefined {
  const { readers, channels } = group;
  const seen = measured.map((moments) => moments.get(seenValue(group)));
  if (seen.length === 0 || !seen.every((moments) => moments !== undefined)) return undefined;
  const sources = [modelled, ...seen].map((moments) => channelSizes(moments, readers, channels));
  const worst = (factors: Float64Array) => Math.min(...sources.map((sizes) => gainDb(sizes, factors)));
  const choices = sources.map((sizes) => bestFactors(sizes, rules));
  return choices.find((factors) => factors && worst(factors) > least);
}

/** What is known of each value without a sample: inputs are taken as normal, mean 0 and deviation 1. */
function knownMoments({
  graph,
  batchNorms,
}: Pick<Model, 'graph' | 'batchNorms'>): Map<string, ChannelMoments> {
  const inputs = graph.inputs
    .filter(({ name }) => !graph.initializers.has(name))
    .map(({ name }) => [name, normal(Float64Array.of(0), Float64Array.of(1))] as const);
  return propagate(graph, batchNorms, new Map(inputs));
}

/** Multiply the weights that read the channels, and follow with what BatchNormalization told of the values. */
function moveFactors(editor: GraphEditor, { readers, values }: ChannelGroup, factors: Float64Array): void {
  const done = new Set<string>();
  for (const { layer, repeat } of readers) {
    // A weight that several of them read is theirs alone, and scaled once.
    if (done.has(layer.weightName)) continue;
    done.add(layer.weightName);
    editor.graph.initializers.set(layer.weightName, scaledWeight(layer, factors, byInput(repeat)));
  }
  const inverse = factors.map((factor) => 1 / factor);
  for (const value of values) {
    const own = editor.momentsOf(value);
    if (own?.beta.length === factors.length)
      editor.setMoments(value, affineMoments(own, inverse, Float64Array.of(0)));
  }
}

function divideMoments(
  moments: Map<string, ChannelMoments>,
  { values }: ChannelGroup,
  factors: Float64Array,
): void {
  for (const value of values) {
    const found = moments.get(value);
    if (found?.mean.length !== factors.length) continue;
    const by = (entries: Float64Array, power = 1) =>
      entries.map((x, c) => x / (factors[c] as number) ** power);
    const { mean, variance, low, high } = found;
    moments.set(value, { mean: by(mean), variance: by(variance, 2), low: by(low), high: by(high) });
  }
}

/** The group with the weights as they are now. */
function refreshed({ graph }: GraphEditor, group: ChannelGroup): ChannelGroup {
  const readers = group.readers.map(({ layer, repeat }) => {
    const now = linearLayerOf(graph, layer.node);
    if (!now) throw new Error(`${layer.node.id} is no layer any more`);
    return { layer: now, repeat };
  });
  return { ...group, readers };
}
