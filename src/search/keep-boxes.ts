import type { SampleSource } from '../../calibration/source.js';
import { THREADS } from '../calibrate/calibrate.js';
import type { Samples } from '../calibrate/samples.js';
import { type BoxErrors, type FoundBoxes, foundBoxes } from '../evaluate/box-errors.js';
import { classAxes } from '../evaluate/class-axes.js';
import { sampleMultiplications } from '../evaluate/measure-trials.js';
import { buildProbe, type ProbeLayer } from '../evaluate/probe.js';
import { type Layout, layoutOf } from '../evaluate/tasks/boxes.js';
import { detection } from '../evaluate/tasks/detection.js';
import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import { formOf } from '../place/targets/targets.js';
import type { Planner } from '../quantize/planner.js';
import { asksIntegers, MAX_BITS, NONE, type Recipe } from '../recipe.js';
import { BoxTrial, Relief, taskBatch } from './box-trial.js';
import type { SearchSettings } from './find-recipe.js';
import { exclusion } from './remedies.js';

/** How far boxes are off, without integer kernels. */
export interface BoxState {
  /** The corner that is off by most, as a share of the picture. */
  readonly worst: number;
  /** Scores above 0.1 of which less than 0.05 is left. */
  readonly lost: number;
}

/** Layers that stay in float for the boxes' sake. */
export interface KeptBoxes {
  /** Their ids, those first that moved the boxes most for what they compute. */
  readonly layers: readonly string[];
  /** Their share of the model's multiplications. */
  readonly share: number;
  /** Samples that it was measured on: those that moved most. */
  readonly samples: number;
  readonly before: BoxState;
  readonly after: BoxState;
}

/** Samples that boxes are looked for in, and that all errors are measured on; a large model takes fewer. */
const MOST_SAMPLES = 32;
const LEAST_SAMPLES = 8;
/** Runs of layers that are measured first, and the layers of the worst of them that are measured one by one. */
const GROUPS = 20;
const SINGLE = 14;
/** Multiplications that it may take, about ten seconds on two cores; but for one sample. */
const WORK = 1.2e11;
/** Each run or layer is measured on so many samples at most, the worst. */
const MOST_TRIED = 8;

/** Layers that may stay in float, by their share of the multiplications. */
const MOST_SHARE = 3 / 10;
/** A layer that computes next to nothing is not free. */
const LEAST_SHARE = 1 / 100;
/** What makes less of the error, by its power, or less than half of what it multiplies, is not worth its while. */
const LEAST_POWER = 1 / 200;

/** What is aimed at, of what is tolerated: other pictures move more than those that were seen. */
const GOAL = 1 / 2;

/** Layers, their share of the multiplications, and the power of the errors that they make alone. */
interface Ranked {
  readonly layers: readonly ProbeLayer[];
  readonly share: number;
  readonly power: number;
}

const worthOf = ({ share, power }: Ranked): number => power / (share + LEAST_SHARE);

/**
 * Let layers of a detector stay in float whose rounding moves its boxes most, by what is measured at the outputs.
 *
 * 1. The float model is run on up to 32 samples. Where what it gives are no boxes with something found among them, nothing is done.
 * 2. All is quantized, and each box that float scores by more than 0.1 stands against its own: where no corner is off by more than
 *    half a percent of the picture, and no score loses half of what it may, nothing is done either.
 * 3. On the samples that moved most, runs of layers that follow one another are quantized alone, then each layer of the worst of
 *    them, with the operators that are on integers for its sake alone.
 * 4. Layers that move boxes most for what they multiply stay in float: as few as keep boxes within that half percent, at most
 *    those of three tenths of the multiplications.
 *
 * @param samples - those of the calibration are looked at, unless they are random
 * @returns the recipe with its layers named, which is not measured again; as it was given where nothing is to be kept
 */
export async function keepBoxes(
  planner: Planner,
  given: Recipe,
  { calibration: source, kind }: Pick<Samples, 'calibration' | 'kind'>,
  settings: SearchSettings = {},
): Promise<{ recipe: Recipe; kept: KeptBoxes | undefined }> {
  const nothing = { recipe: given, kept: undefined };
  const { model } = planner;
  if (!source || kind === 'synthetic' || !isMeasured(given) || !mayHaveBoxes(model)) return nothing;
  const signs = await findBoxes(model, source, settings);
  if (!signs) return nothing;
  await settings.begin?.('keep boxes');
  const recipe = { ...given, refine: NONE };
  const plan = await planner.plan(recipe);
  const probe = buildProbe(model, plan);
  const multiplications = await sampleMultiplications(probe, source, settings);
  const total = [...multiplications.values()].reduce((sum, each) => sum + each, 0);
  const runs = GROUPS + SINGLE + Math.ceil(Math.log2(SINGLE + 1));
  const tried = Math.max(1, Math.min(MOST_TRIED, Math.floor(WORK / (runs * total))));
  const looked = Math.max(LEAST_SAMPLES, Math.min(MOST_SAMPLES, LEAST_SAMPLES * tried));
  const exact = { mode: 'exact', threads: THREADS, provider: settings.provider } as const;
  return withModel(probe.model, { ...exact, label: 'the float model' }, async (session) => {
    const trial = new BoxTrial({ model, probe, plan, session, pause: settings.pause });
    const seen = (await trial.seenIn(source, signs.batches, looked)).sort((a, b) => b.power - a.power);
    const before = stateOf(seen.map(({ errors }) => errors));
    if (isNear(seen.flatMap(({ errors }) => errors))) return nothing;
    const worst = seen.slice(0, tried);
    const relief = new Relief(planner, recipe, plan.placement);
    // What computes in float already costs bytes alone.
    const shareOf = ({ id, weighted: { runs } }: ProbeLayer) =>
      runs.kind === 'integer' ? (multiplications.get(id) ?? 0) / total : 0;
    const sharesOf = (layers: readonly ProbeLayer[]) =>
      layers.reduce((sum, layer) => sum + shareOf(layer), 0);
    const candidates = probe.layers.filter(
      ({ weighted: { node, owner } }) => owner === undefined && !asksIntegers(recipe, node),
    );
    const ranked = async (runs: readonly (readonly ProbeLayer[])[]): Promise<Ranked[]> => {
      const found: Ranked[] = [];
      for (const layers of runs) {
        const power = await trial.powerOf(layers, relief.of(layers), worst);
        found.push({ layers, power, share: sharesOf(layers) });
        settings.progress?.(found.length, runs.length);
      }
      return found.sort((a, b) => worthOf(b) - worthOf(a));
    };
    const groups = await ranked(inRuns(candidates, GROUPS));
    const all = groups.reduce((sum, { power }) => sum + power, 0);
    const several = groups.filter(({ layers }) => layers.length > 1);
    const alone = several.flatMap(({ layers }) => layers.map((layer) => [layer])).slice(0, SINGLE);
    // Of two layers with integers between them the one may be worth nothing without the other: runs are taken whole, too.
    const steps = [...groups, ...(await ranked(alone))].sort((a, b) => worthOf(b) - worthOf(a));
    const affordable: ProbeLayer[][] = [];
    for (const { layers, share, power } of steps) {
      const more = layers.filter((layer) => !affordable.flat().includes(layer));
      const sum = sharesOf([...affordable.flat(), ...more]);
      if (more.length === 0 || sum > MOST_SHARE || power / all <= Math.max(share / 2, LEAST_POWER)) continue;
      affordable.push(more);
    }
    // The fewest of the first ones that are enough.
    let [least, most] = [1, affordable.length];
    while (least < most) {
      const count = Math.floor((least + most) / 2);
      const layers = affordable.slice(0, count).flat();
      const errors = await trial.without(layers, relief.of(layers), worst);
      if (isNear(errors.flat())) most = count;
      else least = count + 1;
    }
    const chosen = affordable.slice(0, most).flat();
    const after = stateOf(await trial.without(chosen, relief.of(chosen), worst));
    const ids = chosen.map(({ id }) => id);
    const { recipe: excluding } = exclusion(
      { graph: model.graph, recipe: given, placement: plan.placement },
      ...ids,
    );
    const kept: KeptBoxes = {
      layers: ids,
      share: sharesOf(chosen),
      samples: worst.length,
      before: stateOf(worst.map(({ errors }) => errors)),
      after,
    };
    if (ids.length === 0 || after.worst >= before.worst) return nothing;
    return { recipe: measured(excluding), kept };
  });
}

/** Whether a recipe asks for it: eight bits throughout, for a runtime that has float kernels beside its integer ones. */
function isMeasured({ activations, bits, target }: Recipe): boolean {
  if (activations.kind !== 'static' || activations.keepBoxes !== 'auto') return false;
  return bits === MAX_BITS && activations.bits === MAX_BITS && formOf(target).floats === 'beside';
}

/** The same recipe for what was measured once. */
export function measured(recipe: Recipe): Recipe {
  const { activations } = recipe;
  return activations.kind === 'static'
    ? { ...recipe, activations: { ...activations, keepBoxes: 'off' } }
    : recipe;
}

/** Boxes stand in an output of three axes; the shape of one may be unknown. */
const mayHaveBoxes = ({ graph }: Model): boolean =>
  graph.outputs.some(({ shape }) => shape === undefined || shape.length >= 3);

/** Where boxes stand in the outputs, and the runs of the samples that have some; undefined where there are none. */
async function findBoxes(
  model: Model,
  source: SampleSource,
  { pause, provider }: SearchSettings,
): Promise<{ layout: Layout; batches: ReadonlyMap<number, readonly FoundBoxes[]> } | undefined> {
  const signs = detection.signs(classAxes(model.graph));
  const batches = new Map<number, readonly FoundBoxes[]>();
  let layout: Layout | undefined;
  const settings = { mode: 'basic', threads: THREADS, provider, label: 'the float model' } as const;
  await withModel(model, settings, async (session) => {
    let [index, done] = [0, 0];
    for await (const batch of source.open()) {
      await pause?.();
      const given = taskBatch(await session.run(batch.feed), batch, done);
      signs.add(given);
      if (!signs.finding()) return;
      layout ??= layoutOf(given.outputs.float);
      const all = Array.from({ length: batch.samples }, (_, row) =>
        foundBoxes(given.outputs.float, layout as Layout, row, given),
      );
      const found = all.filter((each) => each !== undefined && each.boxes.length > 0) as FoundBoxes[];
      if (found.length > 0) batches.set(index, found);
      index++;
      done += batch.samples;
      if (done >= MOST_SAMPLES) return;
    }
  });
  return layout && signs.finding()?.isSure ? { layout, batches } : undefined;
}

/** Layers in so many runs that follow one another, of two at least, about as long as each other. */
function inRuns<T>(layers: readonly T[], most: number): T[][] {
  const count = Math.min(most, Math.ceil(layers.length / 2));
  const at = (run: number) => Math.round((run * layers.length) / count);
  return Array.from({ length: count }, (_, run) => layers.slice(at(run), at(run + 1)));
}

const largest = (of: Float64Array): number => of.reduce((most, e) => Math.max(most, e), 0);

const isNear = (errors: readonly BoxErrors[]): boolean =>
  errors.every(({ corners, scores }) => Math.max(largest(corners), largest(scores)) <= GOAL);

function stateOf(errors: readonly (readonly BoxErrors[])[]): BoxState {
  const all = errors.flat();
  return {
    worst: Math.max(0, ...all.map(({ corners }) => largest(corners))) / 100,
    lost: all.reduce((sum, { scores }) => sum + scores.filter((e) => e >= 1).length, 0),
  };
}
