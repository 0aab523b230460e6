import type { SampleSource } from '../../calibration/source.js';
import { formTarget } from '../emit/weights/forms.js';
import { storedSize } from '../emit/weights/stored-size.js';
import { measureTrials, type TrialSettings } from '../evaluate/measure-trials.js';
import { buildProbe, type ProbeLayer, quantizing } from '../evaluate/probe.js';
import type { Node } from '../graph/model.js';
import { place } from '../place/place.js';
import type { Placement } from '../place/placement.js';
import type { Plan } from '../quantize/plan.js';
import type { BlockTensor, QuantizedTensor } from '../quantize/quantized-tensor.js';
import type { LayerRecipe, Recipe } from '../recipe.js';
import type { Choice } from './bit-path.js';
import type { Candidate } from './candidates.js';
import { type Bench, planAs } from './quantize-as.js';

/** A way to store a layer's weights, and what it was measured to do. */
export interface MeasuredChoice extends Choice, Candidate {}

/** What a layer's weights can be stored as. */
export interface LayerChoices {
  readonly node: Node;
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
  bench: Bench,
  recipe: Recipe,
  candidates: readonly Candidate[],
  source: SampleSource,
  settings: TrialSettings = {},
): Promise<LayerChoices[]> {
  const found = new Map<Node, MeasuredChoice[]>();
  const target = formTarget(bench.model, recipe.format);
  for (const [index, candidate] of candidates.entries()) {
    const everywhere = { ...recipe, rules: [{ pattern: '*', ...candidate }, ...recipe.rules] };
    const placement = place(bench.model, everywhere, bench.path);
    const plan = planAs(bench, everywhere, placement);
    const probe = buildProbe(bench.model, plan);
    const isNew = ({ node }: ProbeLayer) => {
      const { scheme, bits } = recipeOf(placement, node);
      return !found.get(node)?.some((choice) => choice.scheme === scheme && choice.bits === bits);
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
      const { scheme, bits } = recipeOf(placement, layer.node);
      const bytes = weightsOf(layer, plan).reduce((sum, weight) => sum + storedSize(weight, target), 0);
      const choice = { scheme, bits, bytes, noise: noises[i]?.output ?? 0 };
      found.set(layer.node, [...(found.get(layer.node) ?? []), choice]);
    }
  }
  return [...found].map(([node, choices]) => ({ node, choices }));
}

function weightsOf(
  { node, weights }: ProbeLayer,
  { layers, stored }: Plan,
): (QuantizedTensor | BlockTensor)[] {
  const planned = layers.get(node);
  return weights.flatMap(({ name }) => planned?.weight ?? stored.get(name) ?? []);
}

/** The recipe of a layer that is quantized. */
export function recipeOf({ roles }: Placement, node: Node): LayerRecipe {
  const role = roles.get(node);
  if (role?.kind === 'storing') {
    const [first] = role.weights;
    if (first) return first.recipe;
  }
  if (role?.kind === 'layer' || role?.kind === 'stored' || role?.kind === 'dynamic') return role.layer.recipe;
  throw new Error(`${node.id} is not quantized`);
}
