import type { SampleSource } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import { inputAt, type Model } from '../graph/model.js';
import { layerQuantizerOf, type Plan, weightsOf } from '../quantize/plan.js';
import type { LayerDrift } from './compare-layers.js';
import { levelUse } from './dead-levels.js';
import {
  decibels,
  measureTrials,
  type Trial,
  type TrialNoise,
  type TrialSettings,
} from './measure-trials.js';
import type { LayerOrigin } from './origin.js';
import { buildProbe, type Part, type ProbeLayer, quantizing } from './probe.js';
import { saturatedShare } from './saturation.js';

/** What origins are measured from. */
export interface OriginSources {
  /** The folded float model. */
  readonly model: Model;
  readonly plan: Plan;
  /** What the ranges of the activations were chosen from. */
  readonly statistics: Statistics | undefined;
  /** The error accumulated to each layer. */
  readonly layers: readonly LayerDrift[];
  readonly source: SampleSource;
}

/**
 * Quantize each layer alone, its weight and its input apart and together, and measure what comes of it: at the layer's own
 * result, and at the model's output.
 */
export async function measureOrigins(
  { model, plan, statistics, layers, source }: OriginSources,
  settings: TrialSettings = {},
): Promise<LayerOrigin[]> {
  const probe = buildProbe(model, plan);
  const parts: readonly Part[] = ['both', 'weight', 'input'];
  const trials = probe.layers.flatMap((layer) =>
    parts.flatMap((part) => {
      const feed = quantizing(layer, plan, part);
      return feed ? [{ part, trial: { layer, feed, atResult: part === 'both' } satisfies Trial }] : [];
    }),
  );
  const noises = await measureTrials(
    probe,
    source,
    trials.map(({ trial }) => trial),
    settings,
  );
  const noiseOf = (layer: ProbeLayer, part: Part): TrialNoise | undefined =>
    noises[trials.findIndex(({ trial, part: measured }) => trial.layer === layer && measured === part)];
  return probe.layers.map((layer) => {
    const [whole, weight, input] = parts.map((part) => noiseOf(layer, part));
    const accumulated = layers.find(({ id }) => id === layer.id)?.drift.sqnrDb;
    return {
      id: layer.id,
      ownDb: decibels(whole?.result ?? 0),
      accumulatedDb: accumulated ?? null,
      effectDb: decibels(whole?.output ?? 0),
      weightEffectDb: decibels(weight?.output ?? 0),
      inputEffectDb: input ? decibels(input.output) : null,
      saturated: saturatedInput(layer, plan, statistics),
      ...levelsOf(layer, plan),
    };
  });
}

function saturatedInput(
  { weighted: { node, runs } }: ProbeLayer,
  plan: Plan,
  statistics: Statistics | undefined,
): number | null {
  const value = inputAt(node, 0) ?? '';
  const quantizer = runs.kind === 'integer' ? layerQuantizerOf(plan, value) : undefined;
  const seen = statistics?.tensors.get(plan.placement.values.get(value)?.root ?? value);
  return quantizer && seen ? saturatedShare(seen, quantizer) : null;
}

function levelsOf({ weighted }: ProbeLayer, plan: Plan) {
  const uses = weightsOf(plan, weighted).map(levelUse);
  return {
    deadLevels: uses.reduce((sum, { deadLevels }) => sum + deadLevels, 0),
    levels: uses.reduce((sum, { levels }) => sum + levels, 0),
  };
}
