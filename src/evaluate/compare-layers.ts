import { join } from 'node:path';
import type { SampleSource } from '../../calibration/source.js';
import { initializersOf } from '../graph/all-tensors.js';
import { exposing, withSequenceFirst } from '../graph/expose.js';
import { linearLayerOf } from '../graph/linear-layer.js';
import type { Model } from '../graph/model.js';
import { withScratch } from '../load/temporary.js';
import { withModel } from '../load/with-model.js';
import { bytesOfArrays, elementCount, type NdArray } from '../numerics/nd-array.js';
import type { MachineOptions } from '../options.js';
import { ReusedResults } from '../runtime/reused-results.js';
import type { Session } from '../runtime/session.js';
import { type Adapter, convertFeed } from './adapted-runner.js';
import { affordableSamples, FEW_MULTIPLICATIONS } from './affordable-samples.js';
import type { BeyondMeter } from './beyond-ranges.js';
import { type Drift, DriftMeter } from './drift.js';
import type { LayerMatching, LayerPair } from './layer-pairs.js';
import { type Runner, record } from './recording.js';

/** How far a layer's result is from float, everything before it quantized too. */
export interface LayerDrift {
  readonly id: string;
  /** How its counterpart in the quantized model was found. */
  readonly matchedBy: LayerMatching;
  /** The tensor in each file that was compared. */
  readonly floatTensor: string;
  readonly quantizedTensor: string;
  readonly drift: Drift;
}

/**
 * Samples that layer drift is measured on: it is a mean over every element of every one, and settles soon. Where they would
 * take more than a second or two, fewer, and no fewer than the second.
 */
const LAYER_SAMPLES = { most: 32, least: 8 } as const;

/**
 * A model whose constants are larger is released before the next is loaded, and what it gave goes through a file, unless that
 * would become too large.
 */
const usualLimits = { togetherBytes: 256 * 2 ** 20, recordedBytes: 2 ** 30 } as const;

function constantBytes({ graph }: Model): number {
  let bytes = 0;
  for (const { storage } of initializersOf(graph))
    bytes += storage.kind === 'raw' ? storage.bytes.byteLength : 0;
  return bytes;
}

/** Who gets the outputs of the exact session, batch by batch, of more samples than layers are measured on. */
export interface ExactOutputs {
  /** So many samples tell enough; large models run fewer, at least as many as layers are measured on. */
  readonly most: number;
  readonly keep: (outputs: ReadonlyMap<string, NdArray>, samples: number) => void;
}

/** The models whose layers are compared. */
export interface ComparedLayers {
  /** The float model that the values of the pairs are in. */
  readonly float: Model;
  /** The quantized model, with the values of the pairs in it. */
  readonly quantized: Model;
  readonly pairs: readonly LayerPair[];
}

/** How layers are compared, and who learns of it. */
export interface LayerSettings {
  readonly machine: MachineOptions;
  /** Whether only one of the two models may be loaded at a time. */
  readonly inTurn?: boolean | undefined;
  /** The types that the quantized model's inputs take, where they are others. */
  readonly adapter?: Pick<Adapter, 'inputTypes'> | undefined;
  /** Gets the float inputs and results. */
  readonly outside?: BeyondMeter | undefined;
  /** Gets the quantized model's own outputs, which the same session gives. */
  readonly outputs?: ExactOutputs | undefined;
  /** Up to how much two models are loaded at a time, and what may go through a file where they could be. */
  readonly limits?: Readonly<Record<keyof typeof usualLimits, number>>;
}

/** Measure each layer in the exact session: the error that the quantization has built up to that layer. */
export async function compareLayers(
  source: SampleSource,
  { float, quantized, pairs }: ComparedLayers,
  { machine, inTurn = false, adapter, outside, outputs, limits = usualLimits }: LayerSettings,
): Promise<LayerDrift[]> {
  if (pairs.length === 0) return [];
  const meters = pairs.map((pair) => ({ pair, meter: new DriftMeter() }));
  const own = quantized.graph.outputs.map(({ name }) => name);
  const affordable = (results: ReadonlyMap<string, NdArray>, size: number, most: number) =>
    affordableSamples(
      Math.max(1, multiplicationsOf(float, pairs, results) / size),
      most,
      FEW_MULTIPLICATIONS,
    );
  const layerSamples = (results: ReadonlyMap<string, NdArray>, size: number) =>
    Math.max(LAYER_SAMPLES.least, affordable(results, size, LAYER_SAMPLES.most));
  const compare = async (reference: Runner, exact: Session) => {
    let done = 0;
    let compared: number = LAYER_SAMPLES.most;
    let most: number = LAYER_SAMPLES.most;
    const all = new ReusedResults(exact, exact.outputNames);
    const asked = exact.outputNames.filter((name) => own.includes(name));
    for await (const batch of source.open()) {
      const { feed, samples, size } = batch;
      const taken = adapter ? convertFeed(feed, adapter) : feed;
      if (done >= compared) {
        outputs?.keep(await exact.run(taken, asked), samples);
        done += samples;
        if (done >= most) break;
        continue;
      }
      const a = await reference.run(feed);
      const b = await all.run(taken);
      outputs?.keep(b, samples);
      if (done === 0) {
        compared = layerSamples(a, size);
        most = outputs ? Math.max(compared, affordable(a, size, outputs.most)) : compared;
      }
      for (const { pair, meter } of meters) {
        const [x, y] = [a.get(pair.floatValue), b.get(pair.quantizedValue)];
        if (x && y) meter.add(x, y, batch);
      }
      for (const [name, value] of [...Object.entries(feed), ...a]) outside?.add(name, value, batch);
      done += samples;
      if (done >= most) break;
    }
  };
  const exposed = (model: Model, values: readonly string[]) => withSequenceFirst(exposing(model, values));
  const exposedFloat = exposed(
    float,
    pairs.map((pair) => pair.floatValue),
  );
  const exposedQuantized = exposed(
    quantized,
    pairs.map((pair) => pair.quantizedValue),
  );
  const withFloat = <T>(work: (session: Runner) => Promise<T>) =>
    withModel(exposedFloat, { ...machine, mode: 'basic', label: 'the float model' }, (session) =>
      work(new ReusedResults(session, session.outputNames)),
    );
  const withQuantized = <T>(work: (session: Session) => Promise<T>) =>
    withModel(exposedQuantized, { ...machine, mode: 'exact', label: 'the quantized model' }, work);
  /** Through a file; false where too much would go through it. */
  const compareApart = () =>
    withScratch(async (folder) => {
      let fits = true;
      const recorded = await withFloat((session) =>
        record(session, source, join(folder, 'float'), (results, size) => {
          const samples = layerSamples(results, size);
          fits = inTurn || bytesOfArrays(results.values()) * samples <= size * limits.recordedBytes;
          return fits ? samples : 0;
        }),
      );
      if (fits) await withQuantized((exact) => compare(recorded, exact));
      return fits;
    });
  const mayTogether = !inTurn && constantBytes(float) <= limits.togetherBytes;
  if (mayTogether || !(await compareApart()))
    await withFloat((reference) => withQuantized((exact) => compare(reference, exact)));
  return meters.map(({ pair, meter }) => ({
    id: pair.id,
    matchedBy: pair.matchedBy,
    floatTensor: pair.floatValue,
    quantizedTensor: pair.tensor,
    drift: meter.drift,
  }));
}

/** Multiplications of the layers in one run. */
function multiplicationsOf(
  { graph }: Model,
  pairs: readonly LayerPair[],
  results: ReadonlyMap<string, NdArray>,
): number {
  const nodes = new Map(graph.nodes.map((each) => [each.id, each]));
  let sum = 0;
  for (const { id, floatValue } of pairs) {
    const node = nodes.get(id);
    const linear = node && linearLayerOf(graph, node);
    if (!linear) continue;
    const perResult = elementCount(linear.weight.dims) / linear.outputChannels;
    sum += (results.get(floatValue)?.data.length ?? 0) * perResult;
  }
  return sum;
}
