import { join } from 'node:path';
import type { SampleSource } from '../../calibration/source.js';
import { THREADS } from '../calibrate/session-threads.js';
import { QuantizeError } from '../errors.js';
import { decibels, type TrialSettings } from '../evaluate/measure-trials.js';
import { type Recording, recordRuns } from '../evaluate/recording.js';
import { withScratch } from '../load/temporary.js';
import type { SearchOptions } from '../options.js';
import type { WeightedNode } from '../place/placement.js';
import type { Planner } from '../quantize/planner.js';
import type { Recipe, Rule } from '../recipe.js';
import { withSession } from '../runtime/session.js';
import { type BitPath, bitPath, choicesAfter } from './bit-path.js';
import { candidatesOf, isFloat } from './candidates.js';
import { bitFlags } from './layer-flags.js';
import { type Evidence, FAR, keepsMeasured, keepsSurely, type SearchLimits } from './limits.js';
import { quantizeAs } from './quantize-as.js';
import type { AttemptRecord, SearchRecord } from './record.js';
import {
  choicesOf,
  type LayerChoices,
  type MeasuredChoice,
  measureSensitivity,
  type Sensitivities,
  type SensitivityQuestion,
} from './sensitivity.js';
import type { SearchSplit } from './split-samples.js';
import { measureQuality } from './verify.js';

/** What a search is made with. */
export interface SearchSources {
  readonly planner: Planner;
  /** The float model's file. */
  readonly floatFile: string | Uint8Array;
  /** What holds of every layer; its rules stay, and win. */
  readonly recipe: Recipe;
  readonly options: SearchOptions;
  readonly limits: SearchLimits;
  /** Samples that sensitivity is measured on. */
  readonly sensitivity: SampleSource;
  readonly split: SearchSplit;
  /** Sensitivities that were measured before; else they are measured. */
  readonly measured?: Sensitivities | undefined;
}

/** What a search asks of the sensitivities. */
export function questionOf(recipe: Recipe, { scheme }: SearchOptions): SensitivityQuestion {
  return { recipe, candidates: candidatesOf(scheme), mayKeep: scheme === undefined };
}

/** How a search is followed. */
export interface SearchSettings extends TrialSettings {
  /** A part of the search begins. */
  readonly begin?: ((part: string) => Promise<void>) | undefined;
}

/** The recipe that was found, and how. */
export interface Found {
  readonly recipe: Recipe;
  readonly record: SearchRecord;
}

/**
 * Choose bits and scheme of every layer: the smallest model that keeps the limits on quality, or the most accurate one
 * that keeps the limit on size.
 *
 * 1. Sensitivity: the noise that each candidate makes at the output, measured layer by layer; some layers may stay in float.
 * 2. The path of the best models of their sizes, for noises that add.
 * 3. Bisection along the path: the model at a point is really quantized and run on the search samples. So what does not
 *    add is mended by measuring: a point that misses a limit moves the search on to the next larger model.
 *
 * Where even the most accurate model of the path misses a limit, that one is the outcome, and the record says so.
 */
export async function findRecipe(sources: SearchSources, settings: SearchSettings = {}): Promise<Found> {
  const { planner, recipe, options, limits, sensitivity, split } = sources;
  if (planner.place(recipe).weighted.every(({ owner }) => owner)) throw onlyBodies();
  if (!sources.measured) await settings.begin?.('measure sensitivity');
  const question = questionOf(recipe, options);
  const layers = choicesOf(
    sources.measured ?? (await measureSensitivity(planner, question, sensitivity, settings)),
  );
  const path = mostlyQuantized(bitPath(layers.map(({ choices }) => choices)), layers);
  await settings.begin?.('search');
  return withScratch(async (folder) => {
    const { source } = split.search;
    const float = { mode: 'default', threads: THREADS, label: 'the float model' } as const;
    const recording = await withSession(
      sources.floatFile,
      { ...float, provider: settings.provider },
      (session) => recordRuns(session, source, join(folder, 'float')),
    );
    const verifier = new Verifier(sources, layers, { path, recording, settings });
    const outcome = await bisect(verifier, path.steps.length, limits);
    const { recipe: found, attempt } = outcome;
    return {
      recipe: found,
      record: {
        limits: {
          maxDrop: limits.maxDrop ?? null,
          minAgreement: limits.minAgreement ?? null,
          minSqnrDb: limits.minSqnrDb ?? null,
          maxBytes: limits.maxBytes ?? null,
        },
        sensitivity: { label: sensitivity.label, samples: sensitivity.length },
        search: { label: source.label, samples: source.length },
        isApart: split.isApart,
        layers: outcome.choices.map(({ bits, scheme, bytes, noise }, i) => ({
          id: layers[i]?.id ?? '',
          ...{ bits, scheme, bytes, effectDb: decibels(noise) },
        })),
        attempts: verifier.attempts,
        met: attempt.met,
        flags: bitFlags(found),
      },
    };
  });
}

/** What is in bodies cannot be measured layer by layer, and keeps what the recipe gives it. */
const onlyBodies = () =>
  new QuantizeError('bad-option', {
    flag: '--auto',
    problem: 'has no layer to measure: all of them stand in the bodies of If, Loop or Scan',
    mend: 'Say what they get with --bits and --rule.',
  });

/** One layer in so many may stay in float: a model mostly in float is none that was asked for. */
const FLOAT_SHARE = 4;

/** The path with the first steps to float alone, those that gain most for a byte; a layer that is alone takes none. */
function mostlyQuantized(path: BitPath, layers: readonly LayerChoices[]): BitPath {
  const most = layers.length < 2 ? 0 : Math.ceil(layers.length / FLOAT_SHARE);
  let kept = 0;
  const isToFloat = ({ layer, choice }: BitPath['steps'][number]) => {
    const to = layers[layer]?.choices[choice];
    return to !== undefined && isFloat(to);
  };
  return { ...path, steps: path.steps.filter((step) => !isToFloat(step) || ++kept <= most) };
}

/** A point of the path, quantized. */
interface Point {
  readonly recipe: Recipe;
  readonly choices: readonly MeasuredChoice[];
  readonly bytes: Uint8Array;
}

/** A point of the path, and what came of it. */
interface Tried extends Omit<Point, 'bytes'> {
  readonly attempt: AttemptRecord;
}

/** Quantizes and runs the models along a path, each once. */
class Verifier {
  readonly #sources: SearchSources;
  readonly #layers: readonly LayerChoices[];
  readonly #path: BitPath;
  readonly #recording: Recording;
  readonly #settings: SearchSettings;
  readonly #tried = new Map<number, Tried>();

  constructor(
    sources: SearchSources,
    layers: readonly LayerChoices[],
    { path, recording, settings }: { path: BitPath; recording: Recording; settings: SearchSettings },
  ) {
    this.#sources = sources;
    this.#layers = layers;
    this.#path = path;
    this.#recording = recording;
    this.#settings = settings;
  }

  /** In the order that they were made. */
  get attempts(): AttemptRecord[] {
    return [...this.#tried.values()].map(({ attempt }) => this.#judged(attempt));
  }

  get #evidence(): Evidence {
    const all = [...this.#tried.values()].map(({ attempt }) => attempt);
    return { all, statedOn: this.#sources.split.final.evaluation.length };
  }

  /** By all that was measured so far. */
  #judged(attempt: AttemptRecord): AttemptRecord {
    const { limits } = this.#sources;
    const fits = attempt.sizeBytes <= (limits.maxBytes ?? Number.POSITIVE_INFINITY);
    return {
      ...attempt,
      met: fits && keepsMeasured(attempt, limits) && keepsSurely(attempt, this.#evidence, limits),
    };
  }

  /** Whether models like the one at a point keep the limits on quality, by all that was measured so far. */
  async keeps(step: number): Promise<boolean> {
    const { attempt } = await this.try(step);
    return keepsSurely(attempt, this.#evidence, this.#sources.limits);
  }

  /** Whether the model at a point kept them where it was measured, too. */
  async kept(step: number): Promise<boolean> {
    const { attempt } = await this.try(step);
    return keepsMeasured(attempt, this.#sources.limits) && (await this.keeps(step));
  }

  /** Whether the model at a point keeps the limit on size; nothing is run. */
  async fits(step: number): Promise<boolean> {
    const { maxBytes } = this.#sources.limits;
    return maxBytes === undefined || (await this.#quantize(step)).bytes.byteLength <= maxBytes;
  }

  async try(step: number): Promise<Tried> {
    const known = this.#tried.get(step);
    if (known) return known;
    const { source, labels } = this.#sources.split.search;
    const { bytes, ...point } = await this.#quantize(step);
    const quality = await measureQuality(bytes, this.#recording.replay(), source, labels, this.#settings);
    const tried = { ...point, attempt: { sizeBytes: bytes.byteLength, ...quality, met: false } };
    this.#tried.set(step, tried);
    return tried;
  }

  /**
   * Try models with a few times the noise of the one at a point: how much they lose tells what that one loses, which is
   * too little to count. Nothing is done where what was measured is no accuracy.
   */
  async tryLouder(step: number): Promise<void> {
    if (!this.#sources.split.search.labels) return;
    for (const factor of LOUDER) {
      const wanted = factor * this.#expectedNoise(step);
      const louder = await firstThat(0, step, (each) => this.#expectedNoise(each) < wanted);
      if (louder > 0) await this.try(louder - 1);
    }
  }

  /** The noise of the model at a point, of its weights, as far as the noises of layers add. */
  #expectedNoise(step: number): number {
    const noises = choicesAfter(this.#path, step).map(
      (choice, layer) => this.#layers[layer]?.choices[choice]?.noise,
    );
    return noises.reduce<number>((sum, noise) => sum + (noise ?? 0), 0);
  }

  /** What came of a point in the end. */
  async outcome(step: number): Promise<Tried> {
    const tried = await this.try(step);
    return { ...tried, attempt: this.#judged(tried.attempt) };
  }

  async #quantize(step: number): Promise<Point> {
    const { planner, recipe } = this.#sources;
    const choices = choicesAfter(this.#path, step).map(
      (choice, layer) => this.#layers[layer]?.choices[choice] as MeasuredChoice,
    );
    const wanted = new Map(this.#layers.map(({ id }, i) => [id, choices[i] as MeasuredChoice]));
    const chosen = recipeFrom(planner, recipe, wanted);
    return { recipe: chosen, choices, bytes: (await quantizeAs(planner, chosen)).bytes };
  }
}

/** Rounds of bisection at most: each model that is measured changes a little what is known of the others. */
const MOST_ROUNDS = 4;

/** A drop grows with the noise, and its standard error with the root of that: louder models tell the rate more exactly. */
const LOUDER = [2, 4, FAR];

/** The smallest model that keeps the quality; where only the size is limited, the most accurate that keeps it. */
async function bisect(verifier: Verifier, steps: number, limits: SearchLimits): Promise<Tried> {
  const { maxBytes: _, ...quality } = limits;
  const hasQuality = Object.values(quality).some((limit) => limit !== undefined);
  if (!hasQuality) {
    // As many steps as fit; the smallest model where none does.
    const beyond = await firstThat(
      0,
      steps + 1,
      async (step) => step > steps || !(await verifier.fits(step)),
    );
    return verifier.outcome(Math.max(0, beyond - 1));
  }
  let step = await firstThat(0, steps, (each) => verifier.keeps(each));
  for (let round = 1; round < MOST_ROUNDS; round++) {
    if (limits.maxDrop !== undefined) await verifier.tryLouder(step);
    const again = await firstThat(0, steps, (each) => verifier.keeps(each));
    if (again === step) break;
    step = again;
  }
  // Models like this one keep the limits; this one itself may not. Strides double, so that the end is near.
  for (let stride = 1; step < steps && !(await verifier.kept(step)); stride *= 2)
    step = Math.min(steps, step + stride);
  return verifier.outcome(step);
}

/** The first whole number from `low` on that has a property which stays once it is there; `high` where none before it has. */
async function firstThat(
  low: number,
  high: number,
  has: (value: number) => boolean | Promise<boolean>,
): Promise<number> {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (await has(middle)) to = middle;
    else from = middle + 1;
  }
  return to;
}

/**
 * The recipe that gives each layer what was chosen for it: the commonest choice for all, a rule for each layer that has
 * another one, and an exception for those in float.
 */
function recipeFrom(planner: Planner, recipe: Recipe, wanted: ReadonlyMap<string, MeasuredChoice>): Recipe {
  const counts = new Map<string, number>();
  const stored = [...wanted.values()].filter((choice) => !isFloat(choice));
  for (const choice of stored) counts.set(keyOf(choice), (counts.get(keyOf(choice)) ?? 0) + 1);
  const most = Math.max(...counts.values());
  const common = stored.find((choice) => counts.get(keyOf(choice)) === most) as MeasuredChoice;
  const base: Recipe = { ...recipe, scheme: common.scheme, bits: common.bits };
  const { weighted } = planner.place(base);
  const inner = planner.place(recipe).weighted.filter(({ owner }) => owner);
  const asGiven = new Map(inner.map(({ node: { id }, recipe: own }) => [id, own]));
  const rules = weighted.flatMap((each): Rule[] => {
    const choice = wanted.get(each.node.id) ?? asGiven.get(each.node.id);
    return choice && !isFloat(choice) ? ruleFor(each, choice) : [];
  });
  const kept = weighted.flatMap(({ node: { id } }) => {
    const choice = wanted.get(id);
    return choice && isFloat(choice) ? [id] : [];
  });
  return { ...base, rules: [...rules, ...recipe.rules], exclude: [...recipe.exclude, ...kept] };
}

const keyOf = ({ scheme, bits }: MeasuredChoice): string => `${scheme} ${bits}`;

function ruleFor(
  { node, recipe: now }: WeightedNode,
  { scheme, bits }: Pick<MeasuredChoice, 'scheme' | 'bits'>,
): Rule[] {
  if (now.scheme === scheme && now.bits === bits) return [];
  return [
    {
      pattern: node.id,
      ...(now.bits === bits ? {} : { bits }),
      ...(now.scheme === scheme ? {} : { scheme }),
    },
  ];
}
