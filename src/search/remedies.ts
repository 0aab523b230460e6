import { observers } from '../../calibration/observers/observers.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import type { LayerOrigin } from '../evaluate/origin.js';
import { type Graph, inputAt } from '../graph/model.js';
import { layerNodes } from '../place/layers.js';
import { ruleOf } from '../place/operators.js';
import { layerBitsOf, type Placement, type WeightedNode, weightedNode } from '../place/placement.js';
import { blockBitsOf, blockSchemes, MAX_BITS, named, type Recipe, type Rule } from '../recipe.js';
import { excludeFlag, ruleFlag, shortPattern } from './layer-flags.js';

/** A change of the recipe, and the flags that make it. */
export interface Remedy {
  readonly flag: string;
  readonly recipe: Recipe;
}

/** What remedies are made for. */
export interface Patient {
  readonly graph: Graph;
  readonly recipe: Recipe;
  readonly placement: Placement;
}

/** Patterns, each of which names its node alone of all that a pattern can name. */
function patternsOf({ graph }: Patient, ids: readonly string[]): string[] {
  const layers = new Set(layerNodes(graph));
  const all = graph.nodes.filter((node) => layers.has(node) || ruleOf(node));
  return ids.map((id) => shortPattern(id, all));
}

const patternOf = (patient: Patient, id: string): string => patternsOf(patient, [id])[0] ?? id;

const ruled = (recipe: Recipe, rule: Rule): Remedy => ({
  flag: ruleFlag(rule),
  recipe: { ...recipe, rules: [...recipe.rules, rule] },
});

/** Nodes in float, layers or others. */
export function exclusion(patient: Patient, ...ids: readonly string[]): Remedy {
  const patterns = patternsOf(patient, ids);
  const { recipe } = patient;
  return {
    flag: patterns.map(excludeFlag).join(' '),
    recipe: { ...recipe, exclude: [...recipe.exclude, ...patterns] },
  };
}

/** Layers that calculate in float, on stored weights. */
export function inFloatArithmetic(patient: Patient, ids: readonly string[]): Recipe {
  const { recipe } = patient;
  const rules = patternsOf(patient, ids).map((pattern): Rule => ({ pattern, actBits: 'float' }));
  return { ...recipe, rules: [...recipe.rules, ...rules] };
}

/** What takes a node out of the integers, from what costs least: its arithmetic, itself, and all that read the same value. */
export function exclusions(patient: Patient, id: string): Remedy[] {
  const { recipe, placement } = patient;
  const weighted = weightedNode(placement, id);
  if (!weighted) return [exclusion(patient, id)];
  const { runs, node } = weighted;
  const pattern = patternOf(patient, id);
  const inFloat = runs.kind === 'float' ? [] : [ruled(recipe, { pattern, actBits: 'float' })];
  const rootOf = (value: string | undefined) => placement.values.get(value ?? '')?.root;
  const root = rootOf(inputAt(node, 0));
  const siblings = placement.weighted.filter(
    (other) => root !== undefined && rootOf(inputAt(other.node, 0)) === root,
  );
  const all = siblings.length < 2 ? [] : [exclusion(patient, ...siblings.map((other) => other.node.id))];
  return [...inFloat, exclusion(patient, id), ...all];
}

/** Layers that compute in float with weights of few bits. */
export const storedAlone = (patient: Patient, ids: readonly string[]): Recipe =>
  ids.reduce(
    (recipe, id) => ruled(recipe, { pattern: patternOf(patient, id), actBits: 'float' }).recipe,
    patient.recipe,
  );

/** Eight bits for a layer's weights, for its input, and for both, where they have fewer. */
export function widenings(patient: Patient, id: string): Remedy[] {
  const { recipe, placement } = patient;
  const weighted = weightedNode(placement, id);
  if (!weighted) return [];
  const pattern = patternOf(patient, id);
  const inputBits = inputBitsOf(patient, weighted);
  const isNarrow = weighted.recipe.bits < MAX_BITS;
  const readsNarrow = inputBits !== undefined && inputBits < MAX_BITS;
  const rules: Rule[] = [
    ...(isNarrow ? [{ pattern, bits: MAX_BITS }] : []),
    ...(readsNarrow ? [{ pattern, actBits: MAX_BITS }] : []),
    ...(isNarrow && readsNarrow ? [{ pattern, bits: MAX_BITS, actBits: MAX_BITS }] : []),
  ];
  return rules.map((rule) => ruled(recipe, rule));
}

const inputBitsOf = ({ placement }: Patient, { node }: WeightedNode): number | undefined =>
  layerBitsOf(placement, inputAt(node, 0) ?? '');

/** Other observers for the whole model; ranges without samples leave no histogram that they could read. */
export function otherObservers({ recipe }: Patient): Remedy[] {
  const { activations } = recipe;
  if (activations.kind !== 'static') return [];
  if (named(rangeSources, activations.observer).from === 'batch-norm') return [];
  return observers
    .filter(({ name }) => name !== activations.observer)
    .map(({ name }) => ({
      flag: `--observer ${name}`,
      recipe: { ...recipe, activations: { ...activations, observer: name } },
    }));
}

/** What could mend a layer, by the part of it that does more harm, from what costs least. */
export function mildRemedies(patient: Patient, origin: LayerOrigin): Remedy[] {
  const { recipe, placement } = patient;
  const weighted = weightedNode(placement, origin.id);
  if (!weighted) return [];
  const noiseOf = (db: number | null) => (db === null ? 0 : 10 ** (-db / 10));
  const isInput = noiseOf(origin.inputEffectDb) > noiseOf(origin.weightEffectDb);
  const inputBits = inputBitsOf(patient, weighted);
  const pattern = patternOf(patient, origin.id);
  if (!isInput || inputBits === undefined) return weightRemedies(recipe, pattern, weighted.recipe);
  return inputBits < MAX_BITS ? [ruled(recipe, { pattern, actBits: MAX_BITS })] : otherObservers(patient);
}

/** Schemes that fit a given width well: a scale of least squared error, and free levels. */
const REMEDY_SCHEMES = ['mse', 'kmeans'];

function weightRemedies(recipe: Recipe, pattern: string, own: WeightedNode['recipe']): Remedy[] {
  const rules: Rule[] = [];
  const widths = blockBitsOf(recipe.format);
  const others = REMEDY_SCHEMES.filter((scheme) => !widths || blockSchemes.includes(scheme));
  if (own.bits < MAX_BITS)
    for (const scheme of others) if (scheme !== own.scheme) rules.push({ pattern, scheme });
  for (let bits = own.bits + 1; bits <= MAX_BITS; bits++)
    if (!widths || widths.includes(bits)) rules.push({ pattern, bits });
  if (own.granularity === 'tensor') rules.push({ pattern, granularity: 'channel' });
  return rules.map((rule) => ruled(recipe, rule));
}
