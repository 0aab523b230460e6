import type { Batch, SampleSource } from '../../calibration/source.js';
import { planPasses } from '../calibrate/passes.js';
import { firstFeed } from '../calibrate/samples.js';
import { THREADS } from '../calibrate/session-threads.js';
import { valueSizes } from '../calibrate/value-sizes.js';
import { exposing } from '../graph/expose.js';
import { withModel } from '../load/with-model.js';
import type { Feed, NdArray } from '../numerics/nd-array.js';
import type { Plan } from '../quantize/plan.js';
import { memoryBytes } from '../runtime/machine.js';
import type { Provider, SessionSettings } from '../runtime/session.js';
import { affordableSamples, LEAST_SAMPLES, MOST_MULTIPLICATIONS } from './affordable-samples.js';
import { DriftMeter, judgedOutput, worstDb } from './drift.js';
import { type Part, type Probe, type Probed, type ProbeLayer, quantizes, quantizing } from './probe.js';

/** One change of the float model whose effect is measured. */
export interface Trial {
  readonly layer: Probed;
  /** Fed over the probe's own feed. */
  readonly feed: Feed;
  /** Whether the error at the layer's own result is asked for, too. */
  readonly atResult: boolean;
}

/**
 * A trial of a layer quantized, or of a part of it; none where there is nothing to quantize in that. Its weights are made of
 * their codes for each run: all layers' in float would take several times what the model does.
 */
export function trialsOf(
  layer: ProbeLayer,
  plan: Plan,
  { part, atResult = false }: { readonly part: Part; readonly atResult?: boolean },
): (Trial & { readonly layer: ProbeLayer })[] {
  if (!quantizes(layer, plan, part)) return [];
  return [
    {
      layer,
      get feed() {
        return quantizing(layer, plan, part) ?? {};
      },
      atResult,
    },
  ];
}

/** Noise as a share of the signal, in power: Σ (float − changed)² / Σ float². */
export interface TrialNoise {
  /** At the output where it is largest. */
  readonly output: number;
  /** At the layer's result; undefined where it was not asked for. */
  readonly result: number | undefined;
}

/** How trials are measured. */
export interface TrialSettings {
  readonly provider?: Provider | undefined;
  readonly progress?: ((done: number, total: number) => void) | undefined;
  /** All trials that are to be measured on the same samples, where they come in several calls. */
  readonly trials?: number | undefined;
  /** Multiplications that they may take together; where the least that tells takes more, nothing is measured. */
  readonly work?: number | undefined;
  /** Called between two runs of the model: throws where the run is to stop. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/**
 * Samples that trials are measured on. Between two draws of 32 the effect of a layer of a ResNet-20 differs by 0.6 dB in the
 * median and 2.8 dB at most, of 8 by 1.1 and 3.7 dB; one bit is 6 dB.
 */
const MOST_SAMPLES = 32;

/**
 * The noise that each trial makes at the output of the float model and at the result of its layer.
 *
 * One session runs all of them: each batch in float, then with one change at a time. Only one batch's outputs are held.
 * Where the results of all layers do not fit into memory, they are measured in several passes.
 */
export async function measureTrials(
  probe: Probe,
  source: SampleSource,
  trials: readonly Trial[],
  settings: TrialSettings = {},
): Promise<TrialNoise[]> {
  return (await measureWork(probe, source, trials, settings)).noises;
}

/** The same, and how many multiplications the float model takes for a sample; no noises where that is more work than given. */
export async function measureWork(
  probe: Probe,
  source: SampleSource,
  trials: readonly Trial[],
  { provider, progress = () => {}, pause, trials: ofAll = trials.length, work }: TrialSettings = {},
): Promise<{ noises: TrialNoise[]; multiplications: number }> {
  const settings = exactly(provider);
  const results = [...new Set([...probe.layers, ...probe.operators].map(({ result }) => result))];
  const sizes = await sizesOf(probe, source, results, settings);
  const multiplications = multiplicationsOf(probe, sizes, await batchSize(source));
  const ofEach = multiplications * (ofAll + 1);
  if (work !== undefined && ofEach * LEAST_SAMPLES > work) return { noises: [], multiplications };
  const samples = affordableSamples(ofEach, MOST_SAMPLES, work ?? MOST_MULTIPLICATIONS);
  const asked = new Set(trials.filter(({ atResult }) => atResult).map(({ layer }) => layer.result));
  const wanted = new Map([...sizes].filter(([value]) => asked.has(value)));
  const limit = { residentBytes: process.memoryUsage.rss(), limitBytes: memoryBytes() / 2, isFirm: false };
  const { passes } = planPasses(wanted, limit);
  const meters = new Map(trials.map((trial) => [trial, new TrialMeter(trial)]));
  const total = Math.min(samples, source.length) * trials.length;
  let done = 0;
  // A first pass for what is measured at the output alone, where there is no other.
  for (const [index, pass] of (passes.length > 0 ? passes : [[]]).entries()) {
    const now = trials.filter(({ layer, atResult }) =>
      atResult ? pass.includes(layer.result) : index === 0,
    );
    await withModel(exposing(probe.model, pass), settings, async (session) => {
      const outputs = probe.model.graph.outputs.map(({ name }) => name);
      let seen = 0;
      for await (const batch of source.open()) {
        const float = { ...batch.feed, ...probe.float };
        const reference = await session.run(float, [...new Set([...outputs, ...pass])]);
        for (const trial of now) {
          await pause?.();
          const fetched = trial.atResult ? [...new Set([...outputs, trial.layer.result])] : outputs;
          const made = await session.run({ ...float, ...trial.feed }, fetched);
          meters.get(trial)?.add(outputs, reference, made, batch);
          done += batch.samples;
          progress(Math.min(done, total), total);
        }
        seen += batch.samples;
        if (seen >= samples) break;
      }
    });
  }
  return { noises: trials.map((trial) => (meters.get(trial) as TrialMeter).noise), multiplications };
}

/** What each layer of a probe multiplies for a sample, by its id. */
export async function sampleMultiplications(
  probe: Probe,
  source: SampleSource,
  { provider }: Pick<TrialSettings, 'provider'> = {},
): Promise<Map<string, number>> {
  const results = probe.layers.map(({ result }) => result);
  const sizes = await sizesOf(probe, source, results, exactly(provider));
  const perRun = await batchSize(source);
  return new Map(probe.layers.map((layer) => [layer.id, layerMultiplications(layer, sizes, perRun)]));
}

/** The session that a probe runs in. */
const exactly = (provider: TrialSettings['provider']): SessionSettings => ({
  ...{ mode: 'exact', threads: THREADS, provider, label: 'the float model' },
});

/** Bytes of results of a probe in the first run of a source. */
async function sizesOf(
  probe: Probe,
  source: SampleSource,
  results: readonly string[],
  settings: SessionSettings,
): Promise<Map<string, number>> {
  const feed = { ...(await firstFeed(source)), ...probe.float };
  return withModel(exposing(probe.model, results), settings, (session) =>
    valueSizes(probe.model, session, { feed, values: results, settings }),
  );
}

class TrialMeter {
  readonly #outputs = new Map<string, DriftMeter>();
  readonly #result = new DriftMeter();
  readonly #trial: Trial;

  constructor(trial: Trial) {
    this.#trial = trial;
  }

  add(outputs: readonly string[], reference: Arrays, made: Arrays, batch: Batch): void {
    for (const name of outputs) {
      const [x, y] = [reference.get(name), made.get(name)];
      // Indices and counts are no signal that has noise.
      if (!x?.type.startsWith('float') || !y) continue;
      const meter = this.#outputs.get(name) ?? new DriftMeter(judgedOutput);
      this.#outputs.set(name, meter);
      meter.add(x, y, batch);
    }
    const { layer, atResult } = this.#trial;
    const [x, y] = [reference.get(layer.result), made.get(layer.result)];
    if (atResult && x && y) this.#result.add(x, y, batch);
  }

  get noise(): TrialNoise {
    return {
      output: Math.max(0, ...[...this.#outputs.values()].map(noiseOf)),
      result: this.#trial.atResult ? noiseOf(this.#result) : undefined,
    };
  }
}

type Arrays = ReadonlyMap<string, NdArray>;

const noiseOf = ({ drift }: DriftMeter): number => {
  if (drift.nonFiniteMismatches > 0) return Number.POSITIVE_INFINITY;
  const db = worstDb(drift);
  return db === null ? 0 : 10 ** (-db / 10);
};

/** A share of noise in dB, null where there is none. */
export const decibels = (noise: number): number | null => (noise > 0 ? -10 * Math.log10(noise) : null);

async function batchSize(source: SampleSource): Promise<number> {
  for await (const { size } of source.open()) return size;
  return 1;
}

/** Bytes of an element of a layer's result. */
const ELEMENT_BYTES = 4;

/** Of the layers, for one sample. */
const multiplicationsOf = ({ layers }: Probe, sizes: ReadonlyMap<string, number>, perRun: number): number =>
  layers.reduce((sum, layer) => sum + layerMultiplications(layer, sizes, perRun), 0);

const layerMultiplications = (
  { result, terms }: Probed,
  sizes: ReadonlyMap<string, number>,
  perRun: number,
): number => (terms * (sizes.get(result) ?? 0)) / ELEMENT_BYTES / perRun;
