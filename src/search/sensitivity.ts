import type { SampleSource, Shard } from '../../calibration/source.js';
import { formTarget } from '../emit/weights/forms.js';
import { storedSize } from '../emit/weights/stored-size.js';
import { measureTrials, type TrialSettings, trialsOf } from '../evaluate/measure-trials.js';
import { buildProbe, type Probe, type ProbeLayer } from '../evaluate/probe.js';
import { type Plan, weightsOf } from '../quantize/plan.js';
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

/** What one candidate does to one layer. */
export interface CandidateEffect extends MeasuredChoice {
  readonly id: string;
}

/** What the width of its input does to one layer, whatever its weights are. */
export interface InputEffect {
  readonly id: string;
  /** Noise at the model's output where this layer's input alone is quantized. */
  readonly noise: number;
  /** Bytes of its weights in float. */
  readonly floatBytes: number;
}

/** All that was measured, or the part of a shard, in the order of the candidates and then of the layers. */
export interface Sensitivities {
  readonly effects: readonly CandidateEffect[];
  /** Of layers that may stay in float; none where no layer may. */
  readonly inputs: readonly InputEffect[];
}

/** What sensitivities are measured of. */
export interface SensitivityQuestion {
  /** What holds of every layer; its rules come after what is tried. */
  readonly recipe: Recipe;
  readonly candidates: readonly Candidate[];
  /** Whether layers may stay in float. */
  readonly mayKeep: boolean;
}

/** How they are measured. */
export interface SensitivitySettings extends TrialSettings {
  /** Only this part of them; all without it. */
  readonly shard?: Shard | undefined;
}

/**
 * The effect of every candidate on every layer, measured: the noise at the model's output where this layer's weights alone
 * are quantized so, and the bytes that they take then; and the noise of its input alone.
 *
 * Shards are cut in the order of the candidates, so that each makes the plans of few. What is measured does not depend on
 * the number of shards: `joinSensitivities` gives what one run does.
 */
export async function measureSensitivity(
  planner: Planner,
  { recipe, candidates, mayKeep }: SensitivityQuestion,
  source: SampleSource,
  { shard = { index: 1, count: 1 }, ...settings }: SensitivitySettings = {},
): Promise<Sensitivities> {
  const target = formTarget(planner.model, recipe.format);
  const recipes = candidates.map((candidate) => ({
    ...recipe,
    rules: [{ pattern: '*', ...candidate }, ...recipe.rules],
  }));
  const sizes = recipes.map((each) => planner.place(each).weighted.length);
  const ofInputs = mayKeep ? planner.place(recipe).weighted.length : 0;
  const deal = new Deal(shard, [...sizes, ofInputs]);
  const effects: CandidateEffect[] = [];
  for (const [index, everywhere] of recipes.entries()) {
    if (!deal.has(index)) continue;
    const plan = await planner.plan(everywhere);
    const probe = buildProbe(planner.model, plan);
    const ownLayers = probe.layers.filter(
      (layer, place) => deal.isOwn(index, place) && !effects.some((effect) => isOf(effect, layer)),
    );
    const trials = ownLayers.flatMap((layer) => trialsOf(layer, plan, { part: 'weight' }));
    const noises = await measureTrials(probe, source, trials, {
      ...settings,
      trials: probe.layers.length * candidates.length,
      progress: (done, total) => settings.progress?.(index * total + done, candidates.length * total),
    });
    for (const [i, { layer }] of trials.entries()) {
      const { scheme, bits } = layer.weighted.recipe;
      const weights = weightsOf(plan, layer.weighted);
      const bytes = weights.reduce((sum, weight) => sum + storedSize(weight, target), 0);
      effects.push({ id: layer.id, scheme, bits, bytes, noise: noises[i]?.output ?? 0 });
    }
  }
  if (!deal.has(recipes.length)) return { effects, inputs: [] };
  const plan = await planner.plan(recipe);
  const probe = buildProbe(planner.model, plan);
  const ownLayers = probe.layers.filter((_, place) => deal.isOwn(recipes.length, place));
  return { effects, inputs: await inputEffects(probe, plan, ownLayers, source, settings) };
}

/** Which layers of which candidate a shard has: one range of all of them in a row. */
class Deal {
  readonly #starts: readonly number[];
  readonly #sizes: readonly number[];
  readonly #from: number;
  readonly #to: number;

  constructor({ index, count }: Shard, sizes: readonly number[]) {
    this.#starts = sizes.map((_, group) => sum(sizes.slice(0, group)));
    const total = sum(sizes);
    this.#sizes = sizes;
    this.#from = Math.floor(((index - 1) * total) / count);
    this.#to = Math.floor((index * total) / count);
  }

  /** Whether anything of a group is its own. */
  has(group: number): boolean {
    const start = this.#starts[group] as number;
    return Math.max(start, this.#from) < Math.min(start + (this.#sizes[group] as number), this.#to);
  }

  isOwn(group: number, place: number): boolean {
    const unit = (this.#starts[group] as number) + place;
    return unit >= this.#from && unit < this.#to;
  }
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

const isOf = ({ id, scheme, bits }: CandidateEffect, { id: layer, weighted: { recipe } }: ProbeLayer) =>
  id === layer && scheme === recipe.scheme && bits === recipe.bits;

async function inputEffects(
  probe: Probe,
  plan: Plan,
  layers: readonly ProbeLayer[],
  source: SampleSource,
  settings: TrialSettings,
): Promise<InputEffect[]> {
  const inputsOf = (of: readonly ProbeLayer[]) =>
    of.flatMap((layer) => trialsOf(layer, plan, { part: 'input' }));
  const trials = inputsOf(layers);
  const noises = await measureTrials(probe, source, trials, {
    ...settings,
    trials: inputsOf(probe.layers).length,
    progress: undefined,
  });
  return layers.map((layer) => {
    const noise = noises[trials.findIndex((trial) => trial.layer === layer)]?.output ?? 0;
    const elements = layer.weights.reduce((sum, weight) => sum + weight.elements, 0);
    return { id: layer.id, noise, floatBytes: elements * Float32Array.BYTES_PER_ELEMENT };
  });
}

/**
 * The parts of all shards, in their order, as one run has them: what two candidates come to alike on a layer, as where its
 * rule gives its bits, is there once.
 */
export function joinSensitivities(parts: readonly Sensitivities[]): Sensitivities {
  const found = new Map<string, CandidateEffect>();
  for (const effect of parts.flatMap(({ effects }) => effects)) {
    const key = JSON.stringify([effect.id, effect.scheme, effect.bits]);
    if (!found.has(key)) found.set(key, effect);
  }
  return { effects: [...found.values()], inputs: parts.flatMap(({ inputs }) => inputs) };
}

/**
 * What each layer can be stored as: noises of its weights with that of its input. A layer that several can be chosen for may
 * stay in float, too, where inputs were measured.
 */
export function choicesOf({ effects, inputs }: Sensitivities): LayerChoices[] {
  const found = new Map<string, MeasuredChoice[]>();
  for (const { id, ...choice } of effects) found.set(id, [...(found.get(id) ?? []), choice]);
  const ofInputs = new Map(inputs.map((input) => [input.id, input]));
  return [...found].map(([id, choices]) => {
    const { noise = 0, floatBytes = 0 } = ofInputs.get(id) ?? {};
    const all = choices.map((choice) => ({ ...choice, noise: choice.noise + noise }));
    const kept = { ...FLOAT, bytes: floatBytes, noise: 0 };
    return { id, choices: choices.length > 1 && ofInputs.has(id) ? [...all, kept] : all };
  });
}
