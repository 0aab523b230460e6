import { join } from 'node:path';
import type { SampleSource } from '../../calibration/source.js';
import { firstFeed } from '../calibrate/samples.js';
import { exposing } from '../graph/expose.js';
import type { Model } from '../graph/model.js';
import { qdqForm } from '../graph/qdq-form.js';
import { arrayOf } from '../graph/tensor.js';
import { measureShapes } from '../load/measure-shapes.js';
import { withScratch } from '../load/temporary.js';
import { withModel } from '../load/with-model.js';
import { elementCount, type Feed, type NdArray } from '../numerics/nd-array.js';
import type { MachineOptions } from '../options.js';
import { type SessionSettings, withSession } from '../runtime/session.js';
import { type Adapter, adaptRunner, convertFeed } from './adapted-runner.js';
import { affordableSamples } from './affordable-samples.js';
import { type Drift, DriftMeter, judgedOutput } from './drift.js';
import { kernelLayers, type PortableModel, portableModel } from './portable-model.js';
import { type Runner, record } from './recording.js';
import { type TaskAccuracy, TaskMeter } from './task-accuracy.js';

/** What a file gives on an x86 without VNNI, where its sums can saturate: computed, on any machine. */
export interface PortableDrift {
  /** Layers and pairs of weights that can saturate. */
  readonly layers: number;
  readonly pairs: number;
  /** Samples that it was computed on, from the first one on. */
  readonly samples: number;
  readonly outputs: readonly { readonly name: string; readonly drift: Drift }[];
  /** Null without labels. */
  readonly task: TaskAccuracy | null;
}

/** The two models, and what they are run on. */
export interface PortableSources {
  readonly floatFile: string | Uint8Array;
  readonly quantized: Model;
  readonly floatOutputs?: Adapter | undefined;
  readonly adapter?: Adapter | undefined;
  readonly source: SampleSource;
  readonly labels?: readonly number[] | undefined;
  /** Whether only one model may be loaded at a time. */
  readonly inTurn?: boolean | undefined;
}

/** A share of the samples is told to within 3 points by so many, and a mean over their elements far better. */
const MOST_SAMPLES = 1024;

/**
 * How far a quantized file is from float on an x86 whose kernels add pairs of products in int16.
 *
 * @returns null where no pair can saturate: the file then gives the same on every x86
 */
export async function measurePortable(
  sources: PortableSources,
  machine: MachineOptions,
): Promise<PortableDrift | null> {
  const { floatFile, quantized, floatOutputs, adapter, source, inTurn } = sources;
  const first = await firstFeed(source);
  const feed = adapter ? convertFeed(first, adapter) : first;
  const settings: SessionSettings = { ...machine, mode: 'exact', label: 'the quantized model' };
  const portable = await portableOf(quantized, feed, settings);
  if (!portable) return null;
  const samples = affordableSamples(Math.max(1, portable.multiplications), MOST_SAMPLES);
  const { layers, pairs } = portable;
  const compare = (reference: Runner) =>
    withModel(portable.model, settings, async (session) => ({
      ...{ layers, pairs },
      ...(await compareWith(reference, adaptRunner(session, adapter), sources, samples)),
    }));
  return withScratch(async (folder) => {
    const float: SessionSettings = { ...machine, mode: 'default', label: 'the float model' };
    const recorded = await withSession(floatFile, float, async (session) => {
      const reference = adaptRunner(session, floatOutputs);
      if (!inTurn) return { found: await compare(reference) };
      return { runner: await record(reference, source, join(folder, 'float'), samples) };
    });
    return recorded.found ?? (await compare(recorded.runner));
  });
}

async function compareWith(
  reference: Runner,
  portable: Runner,
  { source, labels }: PortableSources,
  samples: number,
): Promise<Omit<PortableDrift, 'layers' | 'pairs'>> {
  const meters = new Map(reference.outputNames.map((name) => [name, new DriftMeter(judgedOutput)]));
  const task = labels && new TaskMeter(labels);
  let done = 0;
  for await (const batch of source.open()) {
    const [a, b] = [await reference.run(batch.feed), await portable.run(batch.feed)];
    for (const [name, meter] of meters) {
      const [x, y] = [a.get(name), b.get(name)];
      if (!x || !y) continue;
      meter.add(x, y, batch);
      task?.add(name, x, y, batch, done);
    }
    done += batch.samples;
    if (done >= samples) break;
  }
  const outputs = [...meters].map(([name, { drift }]) => ({ name, drift }));
  return { samples: done, outputs, task: task?.accuracy ?? null };
}

/**
 * The model with its saturation written into it; what its graph computes of constants is read from one run.
 *
 * @param feed - one batch, as the model takes it
 */
export async function portableOf(
  quantized: Model,
  feed: Feed,
  settings: SessionSettings,
): Promise<PortableModel | undefined> {
  const model = qdqForm(quantized);
  const layers = kernelLayers(model.graph);
  if (layers.length === 0) return undefined;
  const asked = layers.flatMap(({ weight, weightZeroPoint = '', scales = [], zeroPoint = '' }) => [
    ...[weight, weightZeroPoint, zeroPoint],
    ...scales,
  ]);
  const known = new Map<string, NdArray>();
  const computed: string[] = [];
  for (const name of new Set(asked)) {
    const tensor = model.graph.initializers.get(name);
    if (tensor) known.set(name, arrayOf(tensor));
    else if (name) computed.push(name);
  }
  const bare: Model = { ...model, graph: { ...model.graph, outputs: [] } };
  if (computed.length > 0)
    for (const [name, array] of await withModel(exposing(bare, computed), settings, (session) =>
      session.run(feed),
    ))
      known.set(name, array);
  const results = layers.map(({ node }) => node.outputs[0] ?? '');
  const shapes = await measureShapes(model, results, feed, settings);
  const sizes = new Map([...shapes].map(([name, dims]) => [name, elementCount(dims)]));
  return portableModel(model, layers, known, sizes);
}
