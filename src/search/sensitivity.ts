import type { SampleSource } from '../../calibration/source.js';
import { formTarget } from '../emit/weights/forms.js';
import { storedSize } from '../emit/weights/stored-size.js';
import { measureTrials, type TrialSettings } from '../evaluate/measure-trials.js';
import { buildProbe, type ProbeLayer, quantizing } from '../evaluate/probe.js';
import { weightsOf } from '../quantize/plan.js';
import type { Planner } from '../quantize/planner.js';
import type { Recipe } from '../recipe.js';
import type { Choice } from './bit-path.js';
import type { Candidate } from './candidates.js';

/** A way to store a layer's weights, and what it was measured to do. */
export interface MeasuredChoice extends Choice, Candidate {}

/** What a layer's weights can be stored as. */
export interface LayerChoices {
  readonly id: string;
  /** At least one; a rule of the user's leaves one alone. */
  readonly choices: readonly MeasuredChoice[];
}

/**
 * The effect of every candidate on every layer, measured: the noise at the model's output where this layer's weights alone
 * are quantized so, and the bytes that they take then.
 *
 * @param recipe - what holds of every layer; its rules come after what is tried
 */
export async function measureSensitivity(
  planner: Planner,
  recipe: Recipe,
  candidates: readonly Candidate[],
  source: SampleSource,
  settings: TrialSettings = {},
): Promise<LayerChoices[]> {
  const found = new Map<string, MeasuredChoice[]>();
  const target = formTarget(planner.model, recipe.format);
  for (const [index, candidate] of candidates.entries()) {
    const everywhere = { ...recipe, rules: [{ pattern: '*', ...candidate }, ...recipe.rules] };
    const plan = await planner.plan(everywhere);
    const probe = buildProbe(planner.model, plan);
    const isNew = ({ id, weighted }: ProbeLayer) => {
      const { scheme, bits } = weighted.recipe;
      return !found.get(id)?.some((choice) => choice.scheme === scheme && choice.bits === bits);
    };
    const trials = probe.layers.filter(isNew).flatMap((layer) => {
      const feed = quantizing(layer, plan, 'weight');
      return feed ? [{ layer, feed, atResult: false }] : [];
    });
    const noises = await measureTrials(probe, source, trials, {
      ...settings,
      trials: trials.length * candidates.length,
      progress: (done, total) => settings.progress?.(index * total + done, candidates.length * total),
    });
    for (const [i, { layer }] of trials.entries()) {
      const { scheme, bits } = layer.weighted.recipe;
      const weights = weightsOf(plan, layer.weighted);
      const bytes = weights.reduce((sum, weight) => sum + storedSize(weight, target), 0);
      const choice = { scheme, bits, bytes, noise: noises[i]?.output ?? 0 };
      found.set(layer.id, [...(found.get(layer.id) ?? []), choice]);
    }
  }
  return [...found].map(([id, choices]) => ({ id, choices }));
}
