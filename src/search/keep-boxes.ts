import { EXPECTED_SAMPLES, gumbel } from '../../calibration/observers/gumbel.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Samples } from '../calibrate/samples.js';
import { THREADS } from '../calibrate/session-threads.js';
import { emitPlan } from '../emit/emit-plan.js';
import { type BoxErrors, boxErrors } from '../evaluate/box-errors.js';
import { sampleMultiplications } from '../evaluate/measure-trials.js';
import { buildProbe, type Probe, type ProbeLayer } from '../evaluate/probe.js';
import { withModel } from '../load/with-model.js';
import { formOf } from '../place/targets/targets.js';
import type { Plan } from '../quantize/plan.js';
import type { Planner } from '../quantize/planner.js';
import { asksIntegers, MAX_BITS, NONE, type Recipe, settings as recipeSettings } from '../recipe.js';
import { BoxTrial, Relief, type Seen, taskBatch } from './box-trial.js';
import { findBoxes, MOST_SAMPLES, mayHaveBoxes, type Signs } from './find-boxes.js';
import type { SearchSettings } from './find-recipe.js';
import { byPower, firstOf, inRuns, type Ranked, worthOf } from './ranked-layers.js';
import { exclusion, storedAlone } from './remedies.js';

/** How far boxes are off. */
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
  /** Samples that it was measured on. */
  readonly samples: number;
  readonly before: BoxState;
  readonly after: BoxState;
}

/** Samples that errors are measured on, at least. */
const LEAST_SAMPLES = 8;
/** Runs of layers that are measured first, and the layers of the worst of them that are measured one by one. */
const GROUPS = 20;
const SINGLE = 14;
/** Multiplications that it may take, about ten seconds on two cores; but for one sample. */
const WORK = 1.2e11;
/** Each run or layer is measured on so many samples at most, the worst. */
const MOST_TRIED = 8;

/** Layers that may stay in float, by their share of the multiplications: those that are worth it. */
const USUAL_SHARE = 3 / 10;
/** Where these leave boxes off by more than a percent: any layers, as few as end that. */
const MOST_SHARE = 6 / 10;
/** A model of fewer multiplications a sample takes a millisecond in float: all of it may stay so but for a hundredth. */
const SMALL_MODEL = 1e7;
const MOST_OF_SMALL = 99 / 100;
/** What makes less of the error, by its power, or less than half of what it multiplies, is not worth its while. */
const LEAST_POWER = 1 / 200;

/** Times that more layers are taken where the written model is off by more than the measured one. */
const CHECKS = 3;

/** What is aimed at, of what is tolerated: other pictures move more than those that were seen. */
const GOAL = 1 / 2;

/**
 * Let layers of a detector stay in float whose rounding moves its boxes most, by what is measured at the outputs.
 *
 * 1. The float model is run on up to 32 samples. Where what it gives are no boxes with something found among them, nothing is done.
 * 2. All is quantized, and each box that float scores by more than 0.1 stands against its own: where no corner is off by more than
 *    a percent of the picture, and no score loses half of what it may, nothing is done either. Where there are few samples, and the
 *    observer is the usual one, ranges have a margin from here on.
 * 3. On the samples that moved most, runs of layers that follow one another are quantized alone, then each layer of the worst of
 *    them, with the operators that are on integers for its sake alone.
 * 4. Layers that move boxes most for what they multiply stay in float: as few as keep boxes within half a percent, at most
 *    those of three tenths of the multiplications. Where these leave a corner off by more than a percent, more of them do: as few
 *    as end that, at most those of six tenths, or nearly all of a model that is small.
 *
 * 5. The model is written so and run with its integer kernels: where a corner is off by more than a percent there, more layers stay in
 *    float, up to three times.
 *
 * @param samples - those of the calibration are looked at, unless they are random
 * @param settings - with `saysObserver` the observer is the one that was asked for, and stays
 * @returns the recipe with its layers named, which is not measured again; as it was given where nothing is to be kept
 */
export async function keepBoxes(
  planner: Planner,
  given: Recipe,
  { calibration: source, kind }: Pick<Samples, 'calibration' | 'kind'>,
  { saysObserver = false, smallModel = SMALL_MODEL, ...settings }: BoxSettings = {},
): Promise<{ recipe: Recipe; kept: KeptBoxes | undefined }> {
  const nothing = { recipe: given, kept: undefined };
  const signs = await looksForBoxes(planner, given, { calibration: source, kind }, settings);
  if (!source || !signs) return nothing;
  await settings.begin?.('keep boxes');
  const looking = { source, signs, settings, smallModel };
  const margin = saysObserver ? undefined : withMargin(given, source);
  if (!margin) return (await keepWith(planner, given, looking)) ?? nothing;
  const before = await stateWith(planner, given, looking);
  return (before && (await keepWith(planner, margin, { ...looking, before }))) ?? nothing;
}

/** Where boxes are to be looked at, what is found of them; undefined where they are not. */
export async function looksForBoxes(
  { model }: Planner,
  given: Recipe,
  { calibration, kind }: Pick<Samples, 'calibration' | 'kind'>,
  settings: SearchSettings,
): Promise<Signs | undefined> {
  const isLooked = calibration && kind !== 'synthetic' && isMeasured(given) && mayHaveBoxes(model);
  return isLooked ? findBoxes(model, calibration, settings) : undefined;
}

/** How boxes are looked at. */
interface BoxSettings extends SearchSettings {
  /** Whether the recipe's observer was asked for, and so stays. */
  readonly saysObserver?: boolean;
  /** Multiplications a sample below which nearly all may stay in float. */
  readonly smallModel?: number;
}

/** What is looked at. */
interface Looking {
  readonly source: SampleSource;
  readonly signs: Signs;
  readonly settings: SearchSettings;
  readonly smallModel: number;
  /** How far boxes are off by the recipe that was given, where another is tried, which they need not be near by. */
  readonly before?: BoxState;
}

/** The recipe with ranges that end beyond what so few samples reach; undefined where they are many, or chosen by another observer than the usual one. */
function withMargin(recipe: Recipe, source: SampleSource): Recipe | undefined {
  const { activations } = recipe;
  if (activations.kind !== 'static' || source.length >= EXPECTED_SAMPLES) return undefined;
  if (activations.observer !== recipeSettings.activations.observer.usual) return undefined;
  return { ...recipe, activations: { ...activations, observer: gumbel.name } };
}

type ShareOf = (layer: ProbeLayer) => number;

/** A network with everything quantized, as its boxes are looked at. */
async function withTrial<T>(
  planner: Planner,
  given: Recipe,
  { source, signs, settings }: Looking,
  work: (all: {
    plan: Plan;
    probe: Probe;
    trial: BoxTrial;
    tried: number;
    seen: Seen[];
    shareOf: ShareOf;
    /** Multiplications a sample. */
    total: number;
  }) => Promise<T>,
): Promise<T> {
  const { model } = planner;
  const plan = await planner.plan({ ...given, refine: NONE });
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
    // What computes in float already costs bytes alone.
    const shareOf = ({ id, weighted: { runs } }: ProbeLayer) =>
      runs.kind === 'integer' ? (multiplications.get(id) ?? 0) / total : 0;
    return work({ plan, probe, trial, tried, seen, shareOf, total });
  });
}

/** How far boxes are off with everything quantized; undefined where that is near enough. */
function stateWith(planner: Planner, given: Recipe, looking: Looking): Promise<BoxState | undefined> {
  return withTrial(planner, given, looking, async ({ seen }) =>
    areNear(seen) ? undefined : stateOf(seen.map(({ errors }) => errors)),
  );
}

/** Find the layers that stay in float; undefined where boxes are near, or no layer helps. */
function keepWith(
  planner: Planner,
  given: Recipe,
  looking: Looking,
): Promise<{ recipe: Recipe; kept: KeptBoxes } | undefined> {
  const { settings } = looking;
  const { model } = planner;
  const recipe = { ...given, refine: NONE };
  return withTrial(planner, given, looking, async ({ plan, probe, trial, tried, seen, shareOf, total }) => {
    if (!looking.before && areNear(seen)) return undefined;
    const worst = seen.slice(0, tried);
    const relief = new Relief(planner, recipe, plan.placement);
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
    const errorsWithout = async (layers: readonly ProbeLayer[]) =>
      trial.without(layers, relief.of(layers), worst);
    const isWorthIt = ({ share, power }: Ranked) => power / all > Math.max(share / 2, LEAST_POWER);
    const usual = firstOf(steps.filter(isWorthIt), USUAL_SHARE, sharesOf);
    const taken = await fewest(usual, errorsWithout, GOAL);
    const isSmall = total < looking.smallModel;
    const others = [...steps.filter(isWorthIt), ...steps.filter((step) => !isWorthIt(step))];
    const bound = isSmall ? MOST_OF_SMALL : MOST_SHARE;
    const more = firstOf([{ layers: taken, share: 0, power: 0 }, ...others], bound, sharesOf);
    const isRight = async (layers: readonly ProbeLayer[]) =>
      isWithin((await errorsWithout(layers)).flat(), 1);
    const isEnough = taken.length > 0 && (await isRight(taken));
    let chosen = isEnough ? taken : await fewest(more, errorsWithout, 1);
    const patient = { graph: model.graph, recipe: given, placement: plan.placement };
    if (isSmall && !(await isRight(chosen))) {
      const other = await fewest(firstOf(byPower(steps), bound, sharesOf), errorsWithout, 1);
      if (await isRight(other)) chosen = other;
    }
    const idsOf = (layers: readonly ProbeLayer[]) => layers.map(({ id }) => id);
    const excluding = (layers: readonly ProbeLayer[]) =>
      measured(exclusion(patient, ...idsOf(layers)).recipe);
    const storing = (layers: readonly ProbeLayer[]) => measured(storedAlone(patient, idsOf(layers)));
    if (chosen.length === 0) return undefined;
    // With integer kernels and refined, as the file will be, it may be another matter.
    // Of a small model the bytes of its weights are all that is won, unless it is their rounding that moves boxes.
    let keeping = isSmall ? storing : excluding;
    let errors = await writtenErrors(planner, keeping(chosen), seen, settings);
    if (isSmall && !isWithin(errors.flat(), 1)) {
      keeping = excluding;
      errors = await writtenErrors(planner, keeping(chosen), seen, settings);
    }
    for (let left = CHECKS; left > 0 && !isWithin(errors.flat(), 1); left--) {
      const next = more.map((run) => run.filter((layer) => !chosen.includes(layer)));
      const runs = next.filter((run) => run.length > 0);
      if (runs.length === 0) break;
      const larger = [...chosen, ...runs.slice(0, Math.ceil(runs.length / left)).flat()];
      if (sharesOf(larger) > bound) break;
      chosen = larger;
      errors = await writtenErrors(planner, keeping(chosen), seen, settings);
    }
    const ids = chosen.map(({ id }) => id);
    const after = stateOf(errors);
    const kept: KeptBoxes = {
      layers: ids,
      share: sharesOf(chosen),
      samples: seen.length,
      before: looking.before ?? stateOf(seen.map(({ errors }) => errors)),
      after,
    };
    if (after.worst >= kept.before.worst) return undefined;
    return { recipe: keeping(chosen), kept };
  });
}

/** The errors of the model as it will be written: refined, and with the runtime's integer kernels. */
async function writtenErrors(
  planner: Planner,
  recipe: Recipe,
  samples: readonly Seen[],
  { pause, provider }: SearchSettings,
): Promise<BoxErrors[][]> {
  const { emitted } = emitPlan(planner.model, await planner.plan(recipe));
  const written = { mode: 'default', threads: THREADS, provider, label: 'the quantized model' } as const;
  return withModel(emitted.model, written, async (session) => {
    const errors: BoxErrors[][] = [];
    for (const { batch, found } of samples) {
      await pause?.();
      const { outputs } = taskBatch(await session.run(batch.feed), batch, 0);
      errors.push(found.map((each) => boxErrors(each, outputs.float)));
    }
    return errors;
  });
}

/** Of runs of layers the fewest of the first ones with which boxes are within what is tolerated, all where none are. */
async function fewest(
  runs: readonly (readonly ProbeLayer[])[],
  errorsWithout: (layers: readonly ProbeLayer[]) => Promise<BoxErrors[][]>,
  most: number,
): Promise<ProbeLayer[]> {
  let [low, high] = [1, runs.length];
  while (low < high) {
    const count = Math.floor((low + high) / 2);
    const errors = await errorsWithout(runs.slice(0, count).flat());
    if (isWithin(errors.flat(), most)) high = count;
    else low = count + 1;
  }
  return runs.slice(0, high).flat();
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

const largest = (of: Float64Array): number => of.reduce((most, e) => Math.max(most, e), 0);

/** Whether no corner is off by more than so much of what is tolerated, and no score by more than half of it. */
const isWithin = (errors: readonly BoxErrors[], corner: number): boolean =>
  errors.every(({ corners, scores }) => largest(corners) <= corner && largest(scores) <= GOAL);

const areNear = (seen: readonly Seen[]): boolean =>
  isWithin(
    seen.flatMap(({ errors }) => errors),
    1,
  );

function stateOf(errors: readonly (readonly BoxErrors[])[]): BoxState {
  const all = errors.flat();
  return {
    worst: Math.max(0, ...all.map(({ corners }) => largest(corners))) / 100,
    lost: all.reduce((sum, { scores }) => sum + scores.filter((e) => e >= 1).length, 0),
  };
}
