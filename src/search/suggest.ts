import { observers } from '../../calibration/observers/observers.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import type { SampleSource } from '../../calibration/source.js';
import { formTarget, weightBytes } from '../emit/weights/forms.js';
import { QuantizeError } from '../errors.js';
import { EXACT_SAMPLES } from '../evaluate/compare-outputs.js';
import { type Drift, DriftMeter, worstDb as groupDb, judgedOutput } from '../evaluate/drift.js';
import { farJoins } from '../evaluate/far-joins.js';
import { measureTrials, type TrialSettings } from '../evaluate/measure-trials.js';
import type { LayerOrigin, Suggestion } from '../evaluate/origin.js';
import { buildProbe, quantizing } from '../evaluate/probe.js';
import { inputAt, type Node } from '../graph/model.js';
import { layerNodes } from '../place/layers.js';
import { layerBitsOf, type Placement, weightedNode } from '../place/placement.js';
import type { Planner } from '../quantize/planner.js';
import {
  blockBits,
  blockSchemes,
  type LayerRecipe,
  MAX_BITS,
  named,
  type Recipe,
  type Rule,
} from '../recipe.js';
import { withSession } from '../runtime/session.js';
import { excludeFlag, ruleFlag, shortPattern } from './layer-flags.js';
import { quantizeAs } from './quantize-as.js';

/** Layers that something is suggested for. */
const WORST = 3;

/** A remedy is enough where it leaves a quarter of the noise: what one more bit does. */
const ENOUGH = 1 / 4;
/** One that leaves more than this of it is none: 1 dB. */
const USELESS = 10 ** (-1 / 10);

/** What a remedy that takes a layer out of the integers must gain over one that does not, in dB. */
const WORTH_DB = 0.5;

/** The quantized model that is to be mended, and what was measured of it. */
export interface StartingPoint {
  readonly recipe: Recipe;
  readonly placement: Placement;
  readonly origins: readonly LayerOrigin[];
  readonly sizeBytes: number;
  /** SQNR of the worst output without integer kernels, on the first EXACT_SAMPLES samples. */
  readonly sqnrDb: number | null;
  /** The float model's file. */
  readonly floatFile: string | Uint8Array;
}

/** A change of the recipe. */
interface Remedy {
  readonly flag: string;
  readonly recipe: Recipe;
}

/**
 * For the layers of the largest measured effect the cheapest flag that mends each: more bits or another scheme for its
 * weight, more bits or another observer for its input, or float. Each is then tried: the whole model is quantized with it,
 * and run.
 */
export async function suggest(
  planner: Planner,
  start: StartingPoint,
  source: SampleSource,
  settings: TrialSettings = {},
): Promise<Suggestion[]> {
  const worst = start.origins
    .filter(({ effectDb }) => effectDb !== null)
    .sort((a, b) => (a.effectDb ?? 0) - (b.effectDb ?? 0))
    .slice(0, WORST);
  const suggestions: Suggestion[] = [];
  const attempt = async (id: string, { flag, recipe }: Remedy): Promise<Suggestion | undefined> => {
    const bytes = await bytesAs(planner, recipe);
    if (!bytes) return undefined;
    const afterDb = await worstDb(bytes, start.floatFile, source, settings);
    const costBytes = bytes.byteLength - start.sizeBytes;
    return { id, flag, costBytes, tried: { beforeDb: start.sqnrDb, afterDb } };
  };
  // What a join takes from its smaller operand is no layer's fault.
  for (const { id } of farJoins(planner.model.graph, await planner.plan(start.recipe))) {
    const pattern = shortPattern(id, planner.model.graph.nodes);
    const found = await attempt(id, exclusion(start.recipe, pattern));
    if (found) suggestions.push(found);
  }
  for (const [index, origin] of worst.entries()) {
    const layer = layerNodes(planner.model.graph).find(({ id }) => id === origin.id);
    if (!layer) continue;
    const remedy = await cheapest(planner, start, { layer, origin }, { source, settings });
    const others = exclusions(planner, start, layer);
    let best: Suggestion | undefined;
    for (const each of [remedy, ...others]) {
      if ([...suggestions, best].some((known) => known?.flag === each.flag)) continue;
      const found = await attempt(origin.id, each);
      // The cheaper comes first: what follows must be worth it.
      if (found && (!best || dbOf(found) > dbOf(best) + WORTH_DB)) best = found;
    }
    if (best) suggestions.push(best);
    settings.progress?.(index + 1, worst.length);
  }
  // What helps most first; the sort keeps the order of effects where nothing is told apart.
  return suggestions.sort((a, b) => dbOf(b) - dbOf(a) || 0);
}

/** The file that a recipe gives; undefined where the last layer would stay float, or a value has no range. */
async function bytesAs(planner: Planner, recipe: Recipe): Promise<Uint8Array | undefined> {
  try {
    return (await quantizeAs(planner, recipe)).bytes;
  } catch (thrown) {
    const isKnown = thrown instanceof QuantizeError && IMPOSSIBLE.includes(thrown.code);
    if (isKnown) return undefined;
    throw thrown;
  }
}

const IMPOSSIBLE: readonly string[] = ['nothing-to-quantize', 'bad-values'];

/** A layer that a suggestion is sought for, and what was measured of it. */
interface MeasuredLayer {
  readonly layer: Node;
  readonly origin: LayerOrigin;
}

async function cheapest(
  planner: Planner,
  start: StartingPoint,
  { layer, origin }: MeasuredLayer,
  { source, settings }: { source: SampleSource; settings: TrialSettings },
): Promise<Remedy> {
  const before = 10 ** (-(origin.effectDb ?? 0) / 10);
  const measured: { remedy: Remedy; noise: number; bytes: number }[] = [];
  for (const remedy of remediesFor(planner, start, { layer, origin })) {
    const plan = await planner.plan(remedy.recipe, layer.id);
    const probe = buildProbe(planner.model, plan);
    const trials = probe.layers.flatMap((each) => {
      const feed = quantizing(each, plan, 'both');
      return feed ? [{ layer: each, feed, atResult: false }] : [];
    });
    const [noise] = await measureTrials(probe, source, trials, { ...settings, progress: undefined });
    measured.push({
      remedy,
      noise: noise?.output ?? 0,
      bytes: weightBytes(plan, formTarget(planner.model, remedy.recipe.format)),
    });
  }
  const enough = measured.filter(({ noise }) => noise <= before * ENOUGH);
  const useful = measured.filter(({ noise }) => noise < before * USELESS);
  const [first] = enough.sort((a, b) => a.bytes - b.bytes || a.noise - b.noise);
  const [best] = useful.sort((a, b) => a.noise - b.noise || a.bytes - b.bytes);
  return (first ?? best)?.remedy ?? exclusion(start.recipe, patternOf(planner, layer));
}

/** What could mend a layer, by the part of it that does more harm. */
function remediesFor(
  planner: Planner,
  { recipe, placement }: StartingPoint,
  { layer, origin }: MeasuredLayer,
): Remedy[] {
  const pattern = patternOf(planner, layer);
  const own = weightedNode(placement, layer.id)?.recipe;
  if (!own) return [];
  const inputBits = layerBitsOf(placement, inputAt(layer, 0) ?? '');
  const noiseOf = (db: number | null) => (db === null ? 0 : 10 ** (-db / 10));
  const isInput = noiseOf(origin.inputEffectDb) > noiseOf(origin.weightEffectDb);
  if (!isInput || inputBits === undefined) return weightRemedies(recipe, pattern, own);
  if (inputBits < MAX_BITS) return [ruled(recipe, { pattern, actBits: MAX_BITS })];
  // Ranges without samples leave no histogram that another observer could read.
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

/** Schemes that fit a given width well: a scale of least squared error, and free levels. */
const REMEDY_SCHEMES = ['mse', 'kmeans'];

function weightRemedies(recipe: Recipe, pattern: string, own: LayerRecipe): Remedy[] {
  const rules: Rule[] = [];
  const hasBlocks = recipe.format === 'matmulnbits';
  const others = REMEDY_SCHEMES.filter((scheme) => !hasBlocks || blockSchemes.includes(scheme));
  if (own.bits < MAX_BITS)
    for (const scheme of others) if (scheme !== own.scheme) rules.push({ pattern, scheme });
  for (let bits = own.bits + 1; bits <= MAX_BITS; bits++)
    if (!hasBlocks || blockBits.includes(bits)) rules.push({ pattern, bits });
  if (own.granularity === 'tensor') rules.push({ pattern, granularity: 'channel' });
  return rules.map((rule) => ruled(recipe, rule));
}

const ruled = (recipe: Recipe, rule: Rule): Remedy => ({
  flag: ruleFlag(rule),
  recipe: { ...recipe, rules: [...recipe.rules, rule] },
});

const exclusion = (recipe: Recipe, pattern: string): Remedy => ({
  flag: excludeFlag(pattern),
  recipe: { ...recipe, exclude: [...recipe.exclude, pattern] },
});

/** A layer in float; and with it all layers that read the same value, which is in integers for them alone. */
function exclusions(planner: Planner, { recipe, placement }: StartingPoint, layer: Node): Remedy[] {
  const own = exclusion(recipe, patternOf(planner, layer));
  const rootOf = (node: Node) => placement.values.get(inputAt(node, 0) ?? '')?.root;
  const root = rootOf(layer);
  const siblings = placement.weighted.filter(({ node }) => root !== undefined && rootOf(node) === root);
  if (siblings.length < 2) return [own];
  const patterns = siblings.map(({ node }) => patternOf(planner, node));
  const all: Remedy = {
    flag: patterns.map(excludeFlag).join(' '),
    recipe: { ...recipe, exclude: [...recipe.exclude, ...patterns] },
  };
  return [own, all];
}

const patternOf = ({ model }: Planner, layer: Node): string =>
  shortPattern(layer.id, layerNodes(model.graph));

/** What a suggestion came to, in dB. */
const dbOf = ({ tried }: Suggestion): number => tried?.afterDb ?? Number.POSITIVE_INFINITY;

/** The lowest SQNR; what is not finite in one of the two alone is −∞, null where nothing differs. */
export function lowestDb(
  drifts: readonly Pick<Drift, 'sqnrDb' | 'groups' | 'nonFiniteMismatches'>[],
): number | null {
  const all = drifts.map((drift) =>
    drift.nonFiniteMismatches > 0 ? Number.NEGATIVE_INFINITY : (groupDb(drift) ?? Number.POSITIVE_INFINITY),
  );
  const lowest = Math.min(...all);
  return Number.isFinite(lowest) ? lowest : null;
}

/** SQNR of the worst output of a model without integer kernels. */
async function worstDb(
  bytes: Uint8Array,
  floatFile: string | Uint8Array,
  source: SampleSource,
  { provider, pause }: TrialSettings,
): Promise<number | null> {
  const float = { mode: 'default', provider, label: 'the float model' } as const;
  const exact = { mode: 'exact', provider, label: 'the quantized model' } as const;
  return withSession(floatFile, float, (reference) =>
    withSession(bytes, exact, async (tried) => {
      const meters = new Map(reference.outputNames.map((name) => [name, new DriftMeter(judgedOutput)]));
      let done = 0;
      for await (const batch of source.open()) {
        await pause?.();
        const [wanted, made] = [await reference.run(batch.feed), await tried.run(batch.feed)];
        for (const [name, meter] of meters) {
          const [x, y] = [wanted.get(name), made.get(name)];
          if (x && y) meter.add(x, y, batch);
        }
        done += batch.samples;
        if (done >= EXACT_SAMPLES) break;
      }
      return lowestDb([...meters.values()].map(({ drift }) => drift));
    }),
  );
}
