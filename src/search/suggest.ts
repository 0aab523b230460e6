import { join } from 'node:path';
import type { SampleSource } from '../../calibration/source.js';
import { THREADS } from '../calibrate/session-threads.js';
import { formTarget, weightBytes } from '../emit/weights/forms.js';
import { QuantizeError } from '../errors.js';
import { FEW_MULTIPLICATIONS, MOST_MULTIPLICATIONS } from '../evaluate/affordable-samples.js';
import { type Drift, DriftMeter, worstDb as groupDb, judgedOutput } from '../evaluate/drift.js';
import { farJoins } from '../evaluate/far-joins.js';
import { measureTrials, type TrialSettings, trialsOf } from '../evaluate/measure-trials.js';
import type { LayerOrigin, Suggestion } from '../evaluate/origin.js';
import { buildProbe } from '../evaluate/probe.js';
import { type Recording, recordRuns } from '../evaluate/recording.js';
import { withScratch } from '../load/temporary.js';
import type { Placement } from '../place/placement.js';
import type { Planner } from '../quantize/planner.js';
import type { Recipe } from '../recipe.js';
import { withSession } from '../runtime/session.js';
import { quantizeAs } from './quantize-as.js';
import {
  exclusion,
  exclusions,
  mildRemedies,
  otherObservers,
  type Patient,
  type Remedy,
  widenings,
} from './remedies.js';

/** Flags that are suggested. */
const MOST_SUGGESTED = 3;
/** Layers that the cheapest sufficient flag is sought for. */
const WORST = 3;
/** Layers and other operators that are tried in float, one after the other, as far as time allows. */
const MOST_EXCLUDED = 16;

/** How much is tried. */
export interface Effort {
  /** Models that are tried, whatever each takes, and at most. */
  readonly least: number;
  readonly most: number;
  /** Multiplications that running them may take. */
  readonly work: number;
  /** Whether flags for the whole model, and cheaper ones than eight bits, are sought. */
  readonly isThorough: boolean;
}

/** What was asked for, and what is tried unasked where an output is far off. */
export const efforts: Readonly<Record<'thorough' | 'quick', Effort>> = {
  thorough: { least: 10, most: 48, work: MOST_MULTIPLICATIONS, isThorough: true },
  quick: { least: 0, most: 6, work: FEW_MULTIPLICATIONS, isThorough: false },
};

/** A remedy is enough where it leaves a quarter of the noise: what one more bit does. */
const ENOUGH = 1 / 4;
/** One that leaves more than this of it is none: 1 dB. */
const USELESS = 10 ** (-1 / 10);

/** What refinement takes of a sample, in runs of the float model: both networks, layer by layer. */
const RUNS_TO_REFINE = 4;

/** What a remedy that costs more must gain over one that costs less, in dB. */
const WORTH_DB = 0.3;

/** The quantized model that is to be mended, and what was measured of it. */
export interface StartingPoint {
  readonly recipe: Recipe;
  readonly placement: Placement;
  readonly origins: readonly LayerOrigin[];
  /** Multiplications that a sample takes in the float model, about. */
  readonly multiplications: number;
  readonly sizeBytes: number;
  /** SQNR of the worst output without integer kernels, on the first `samples` samples. */
  readonly sqnrDb: number | null;
  readonly samples: number;
  /** The float model's file. */
  readonly floatFile: string | Uint8Array;
  /** How many samples refine each model that is tried; 0 where nothing does. */
  readonly refinedSamples: number;
}

/** A remedy, and the node that it is for. */
interface Candidate extends Remedy {
  readonly id: string;
}

/**
 * The flags that mend most, each really tried: the whole model is quantized with it, and run.
 *
 * What is tried, by the measured effects: joins of values of very different size in float; for the layers of the largest
 * effect the cheapest flag that leaves a quarter of its noise, eight bits, its arithmetic in float, itself in float, and all
 * layers that read the same value; every other observer; then other nodes in float, as far as the work is bounded.
 *
 * @returns what helps most first, of what is within 0.3 dB the smallest; where nothing gains 1 dB, the best alone
 */
export async function suggest(
  planner: Planner,
  start: StartingPoint,
  source: SampleSource,
  { effort = efforts.thorough, ...settings }: TrialSettings & { readonly effort?: Effort } = {},
): Promise<Suggestion[]> {
  const { least, most, work } = effort;
  const { samples } = start;
  const runs = samples + RUNS_TO_REFINE * start.refinedSamples;
  const affordable = Math.floor(work / (start.multiplications * runs));
  const count = Math.max(least, Math.min(most, affordable));
  if (count === 0) return [];
  const candidates = await candidatesFor(planner, start, source, { effort, settings });
  const float = { mode: 'default', threads: THREADS, provider: settings.provider } as const;
  return withScratch(async (folder) => {
    const recording = await withSession(start.floatFile, { ...float, label: 'the float model' }, (session) =>
      recordRuns(session, source, join(folder, 'float'), samples),
    );
    const tried: Suggestion[] = [];
    const attempt = async ({ id, flag, recipe }: Candidate): Promise<void> => {
      const bytes = await bytesAs(planner, recipe);
      if (!bytes) return;
      const afterDb = await worstDb(bytes, recording, source, { ...settings, samples });
      const costBytes = bytes.byteLength - start.sizeBytes;
      tried.push({ id, flag, costBytes, tried: { beforeDb: start.sqnrDb, afterDb } });
    };
    const now = candidates.slice(0, count);
    for (const [index, candidate] of now.entries()) {
      await attempt(candidate);
      settings.progress?.(index + 1, now.length);
    }
    // Two that are as bad hide each other.
    if (effort.isThorough && !tried.some(helps))
      for (const together of worstTogether(planner, start)) await attempt(together);
    return bestOf(tried);
  });
}

/** Below this a flag is no help: other samples change as much. */
export const LEAST_GAIN_DB = 1;

/** What a flag gained, in dB. */
export function gainOf({ beforeDb, afterDb }: NonNullable<Suggestion['tried']>): number {
  if (beforeDb === null) return 0;
  return (afterDb ?? Number.POSITIVE_INFINITY) - beforeDb;
}

const helps = ({ tried }: Suggestion): boolean => tried !== null && gainOf(tried) >= LEAST_GAIN_DB;

/** The best of what was tried: one flag a node, the smallest of those that are alike; the best alone where none helps. */
function bestOf(tried: readonly Suggestion[]): Suggestion[] {
  const nodes = [...new Set(tried.map(({ id }) => id))];
  const best = nodes.flatMap((id) => smallestOfBest(tried.filter((each) => each.id === id)) ?? []);
  const helpful = best.filter(helps);
  const [first] = [smallestOfBest(helpful) ?? smallestOfBest(best)];
  if (!first) return [];
  const others = helpful.filter(({ flag }) => flag !== first.flag).sort((a, b) => dbOf(b) - dbOf(a) || 0);
  const unique = others.filter(({ flag }, i) => others.findIndex((each) => each.flag === flag) === i);
  return [first, ...unique].slice(0, MOST_SUGGESTED);
}

/** Of those that are worth as much as the best the one of the smallest file, of these the best. */
function smallestOfBest(tried: readonly Suggestion[]): Suggestion | undefined {
  const most = Math.max(...tried.map(dbOf));
  const alike = tried.filter((each) => dbOf(each) === most || dbOf(each) >= most - WORTH_DB);
  return alike.sort((a, b) => a.costBytes - b.costBytes || dbOf(b) - dbOf(a) || 0)[0];
}

/** What a suggestion came to, in dB. */
const dbOf = ({ tried }: Suggestion): number => tried?.afterDb ?? Number.POSITIVE_INFINITY;

/** What does something to an output, the worst first. */
const rank = (origins: readonly LayerOrigin[]): LayerOrigin[] =>
  origins.filter(({ effectDb }) => effectDb !== null).sort((a, b) => (a.effectDb ?? 0) - (b.effectDb ?? 0));

/** The two worst in float, and the three. */
function worstTogether(planner: Planner, { recipe, placement, origins }: StartingPoint): Candidate[] {
  const patient: Patient = { graph: planner.model.graph, recipe, placement };
  const ids = rank(origins).map(({ id }) => id);
  return [2, WORST].flatMap((many) =>
    ids.length < many ? [] : [{ id: ids[0] ?? '', ...exclusion(patient, ...ids.slice(0, many)) }],
  );
}

/** What is worth trying, the likeliest first. */
async function candidatesFor(
  planner: Planner,
  start: StartingPoint,
  source: SampleSource,
  { effort: { isThorough }, settings }: { effort: Effort; settings: TrialSettings },
): Promise<Candidate[]> {
  const { graph } = planner.model;
  const patient: Patient = { graph, recipe: start.recipe, placement: start.placement };
  const ranked = rank(start.origins);
  const joins = farJoins(graph, await planner.plan(start.recipe));
  const candidates: Candidate[] = joins.map(({ id }) => ({ id, ...exclusion(patient, id) }));
  for (const origin of ranked.slice(0, WORST)) {
    const { id } = origin;
    const mild = isThorough ? await cheapest(planner, patient, origin, source, settings) : undefined;
    const [wide, out] = [widenings(patient, id), exclusions(patient, id)];
    const all = [...(mild ? [mild] : []), ...wide, ...out];
    const remedies = isThorough ? all : [...wide.slice(-1), ...out.slice(-1)];
    for (const remedy of remedies) candidates.push({ id, ...remedy });
  }
  if (!isThorough) return unlike(candidates);
  // Ranges are for the whole model: they mend what reads worst.
  const [reader] = [...ranked].sort((a, b) => (a.inputEffectDb ?? 999) - (b.inputEffectDb ?? 999));
  for (const remedy of reader ? otherObservers(patient) : [])
    candidates.push({ id: reader?.id ?? '', ...remedy });
  for (const { id } of ranked.slice(WORST, MOST_EXCLUDED)) candidates.push({ id, ...exclusion(patient, id) });
  return unlike(candidates);
}

/** Each flag once. */
const unlike = (candidates: readonly Candidate[]): Candidate[] =>
  candidates.filter(({ flag }, index) => candidates.findIndex((each) => each.flag === flag) === index);

/** The cheapest flag that leaves a quarter of a layer's noise or less, measured on the layer alone; else the best. */
async function cheapest(
  planner: Planner,
  patient: Patient,
  origin: LayerOrigin,
  source: SampleSource,
  settings: TrialSettings,
): Promise<Remedy | undefined> {
  const before = 10 ** (-(origin.effectDb ?? 0) / 10);
  const measured: { remedy: Remedy; noise: number; bytes: number }[] = [];
  for (const remedy of mildRemedies(patient, origin)) {
    const plan = await planner.plan(remedy.recipe, origin.id);
    const probe = buildProbe(planner.model, plan);
    const trials = probe.layers.flatMap((each) => trialsOf(each, plan, { part: 'both' }));
    const [noise] = await measureTrials(probe, source, trials, { ...settings, progress: undefined });
    const bytes = weightBytes(plan, formTarget(planner.model, remedy.recipe.format));
    measured.push({ remedy, noise: noise?.output ?? 0, bytes });
  }
  const enough = measured.filter(({ noise }) => noise <= before * ENOUGH);
  const useful = measured.filter(({ noise }) => noise < before * USELESS);
  const [first] = enough.sort((a, b) => a.bytes - b.bytes || a.noise - b.noise);
  const [best] = useful.sort((a, b) => a.noise - b.noise || a.bytes - b.bytes);
  return (first ?? best)?.remedy;
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

/** Stands for what is not finite in one of the two alone: the record is JSON, which has no −∞. */
const LOST_DB = -300;

/** The lowest SQNR; null where nothing differs. */
export function lowestDb(
  drifts: readonly Pick<Drift, 'sqnrDb' | 'groups' | 'nonFiniteMismatches'>[],
): number | null {
  const all = drifts.map((drift) =>
    drift.nonFiniteMismatches > 0 ? LOST_DB : (groupDb(drift) ?? Number.POSITIVE_INFINITY),
  );
  const lowest = Math.min(...all);
  return Number.isFinite(lowest) ? lowest : null;
}

/** SQNR of the worst output of a model without integer kernels. */
async function worstDb(
  bytes: Uint8Array,
  recording: Recording,
  source: SampleSource,
  { provider, pause, samples }: TrialSettings & { readonly samples: number },
): Promise<number | null> {
  const exact = { mode: 'exact', threads: THREADS, provider, label: 'the quantized model' } as const;
  const float = recording.replay();
  return withSession(bytes, exact, async (tried) => {
    const meters = new Map(float.outputNames.map((name) => [name, new DriftMeter(judgedOutput)]));
    let done = 0;
    for await (const batch of source.open()) {
      await pause?.();
      const [wanted, made] = [await float.run(batch.feed), await tried.run(batch.feed)];
      for (const [name, meter] of meters) {
        const [x, y] = [wanted.get(name), made.get(name)];
        if (x && y) meter.add(x, y, batch);
      }
      done += batch.samples;
      if (done >= samples) break;
    }
    return lowestDb([...meters.values()].map(({ drift }) => drift));
  });
}
