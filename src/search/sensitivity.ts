import type { SampleSource } from '../../calibration/source.js';
import { formTarget } from '../emit/weights/forms.js';
import { storedSize } from '../emit/weights/stored-size.js';
import { measureTrials, type TrialSettings } from '../evaluate/measure-trials.js';
import { buildProbe, type ProbeLayer, quantizing } from '../evaluate/probe.js';
import { weightsOf } from '../quantize/plan.js';
import type { Planner } from '../quantize/planner.js';
import type { Recipe } from '../recipe.js';
import type { Choice } from './bit-path.js';
import { type Candidate, FLOAT } from './candidates.js';

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
 * are quantized so, with that of its input, and the bytes that they take then. A layer that several can be chosen for may stay
 * in float, too.
 *
 * @param mayKeep - whether layers may stay in float
 * @param recipe - what holds of every layer; its rules come after what is tried
 */
export async function measureSensitivity(
  planner: Planner,
  recipe: Recipe,
  candidates: readonly Candidate[],
  source: SampleSource,
  { mayKeep, ...settings }: TrialSettings & { readonly mayKeep: boolean },
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
  const inputs = mayKeep
    ? await inputNoises(planner, recipe, source, settings)
    : new Map<string, InputNoise>();
  return [...found].map(([id, choices]) => {
    const { noise = 0, floatBytes = 0 } = inputs.get(id) ?? {};
    const all = choices.map((choice) => ({ ...choice, noise: choice.noise + noise }));
    const kept = { ...FLOAT, bytes: floatBytes, noise: 0 };
    return { id, choices: choices.length > 1 && inputs.has(id) ? [...all, kept] : all };
  });
}

interface InputNoise {
  /** Noise at the model's output where this layer's input alone is quantized. */
  readonly noise: number;
  /** Of its weights in float. */
  readonly floatBytes: number;
}

/** What the width of its input does to each layer, whatever its weights are. */
async function inputNoises(
  planner: Planner,
  recipe: Recipe,
  source: SampleSource,
  settings: TrialSettings,
): Promise<Map<string, InputNoise>> {
  const plan = await planner.plan(recipe);
  const probe = buildProbe(planner.model, plan);
  const trials = probe.layers.flatMap((layer) => {
    const feed = quantizing(layer, plan, 'input');
    return feed ? [{ layer, feed, atResult: false }] : [];
  });
  const noises = await measureTrials(probe, source, trials, { ...settings, progress: undefined });
  return new Map(
    probe.layers.map((layer) => {
      const noise = noises[trials.findIndex((trial) => trial.layer === layer)]?.output ?? 0;
      const elements = layer.weights.reduce((sum, weight) => sum + weight.elements, 0);
      return [layer.id, { noise, floatBytes: elements * Float32Array.BYTES_PER_ELEMENT }];
    }),
  );
}
