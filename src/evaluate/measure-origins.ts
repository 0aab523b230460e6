import type { SampleSource } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import { inputAt, type Model } from '../graph/model.js';
import { layerQuantizerOf, type Plan, weightsOf } from '../quantize/plan.js';
import type { LayerDrift } from './compare-layers.js';
import { levelUse } from './dead-levels.js';
import {
  decibels,
  measureWork,
  type Trial,
  type TrialNoise,
  type TrialSettings,
  trialsOf,
} from './measure-trials.js';
import type { LayerOrigin } from './origin.js';
import { buildProbe, type Part, type Probed, type ProbeLayer, quantizingOperator } from './probe.js';
import { saturatedShare } from './saturation.js';

/** What origins are measured from. */
export interface OriginSources {
  /** The folded float model. */
  readonly model: Model;
  readonly plan: Plan;
  /** What the ranges of the activations were chosen from. */
  readonly statistics: Statistics | undefined;
  /** Share of each input that its codes clip, on the samples; the calibration tells of those that are not there. */
  readonly saturated: ReadonlyMap<string, number>;
  /** The error accumulated to each layer. */
  readonly layers: readonly LayerDrift[];
  readonly source: SampleSource;
}

/**
 * Quantize each layer alone, its weight and its input apart and together, and measure what comes of it: at the layer's own
 * result, and at the model's output. Operators on integers that have no weight are measured alike.
 *
 * @returns beside them, how many multiplications a sample takes; no origins where that is more work than given
 */
export async function measureOrigins(
  sources: OriginSources,
  settings: TrialSettings = {},
): Promise<{ origins: LayerOrigin[]; multiplications: number }> {
  const { model, plan, layers, source } = sources;
  const probe = buildProbe(model, plan);
  const parts: readonly Part[] = ['both', 'weight', 'input'];
  const trials: { part: Part; trial: Trial }[] = probe.layers.flatMap((layer) =>
    parts.flatMap((part) =>
      trialsOf(layer, plan, { part, atResult: part === 'both' }).map((trial) => ({ part, trial })),
    ),
  );
  for (const layer of probe.operators) {
    for (const part of ['both', 'input'] as const) {
      const feed = quantizingOperator(layer, part);
      if (feed) trials.push({ part, trial: { layer, feed, atResult: part === 'both' } });
    }
  }
  const { noises, multiplications } = await measureWork(
    probe,
    source,
    trials.map(({ trial }) => trial),
    settings,
  );
  if (noises.length < trials.length) return { origins: [], multiplications };
  const noiseOf = (layer: Probed, part: Part): TrialNoise | undefined =>
    noises[trials.findIndex(({ trial, part: measured }) => trial.layer === layer && measured === part)];
  const originOf = (layer: Probed) => {
    const [whole, weight, input] = parts.map((part) => noiseOf(layer, part));
    const accumulated = layers.find(({ id }) => id === layer.id)?.drift.sqnrDb;
    return {
      id: layer.id,
      ownDb: decibels(whole?.result ?? 0),
      accumulatedDb: accumulated ?? null,
      effectDb: decibels(whole?.output ?? 0),
      weightEffectDb: decibels(weight?.output ?? 0),
      inputEffectDb: input ? decibels(input.output) : null,
    };
  };
  const origins: LayerOrigin[] = [
    ...probe.layers.map((layer) => ({
      ...originOf(layer),
      kind: 'layer' as const,
      saturated: saturatedInput(layer, sources),
      ...levelsOf(layer, plan),
    })),
    ...probe.operators.map((operator) => ({
      ...originOf(operator),
      kind: 'operator' as const,
      saturated: null,
      ...{ deadLevels: 0, levels: 0 },
    })),
  ];
  const order = new Map(model.graph.nodes.map(({ id }, index) => [id, index]));
  origins.sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
  return { origins, multiplications };
}

function saturatedInput(
  { weighted: { node, runs } }: ProbeLayer,
  { plan, statistics, saturated }: OriginSources,
): number | null {
  const value = inputAt(node, 0) ?? '';
  const quantizer = runs.kind === 'integer' ? layerQuantizerOf(plan, value) : undefined;
  const measured = quantizer && saturated.get(value);
  if (measured !== undefined) return measured;
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
