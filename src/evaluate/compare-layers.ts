import { join } from 'node:path';
import type { SampleSource } from '../../calibration/source.js';
import { exposing } from '../graph/expose.js';
import type { Model } from '../graph/model.js';
import { withScratch } from '../load/temporary.js';
import { withModel } from '../load/with-model.js';
import type { MachineOptions } from '../options.js';
import { type Adapter, convertFeed } from './adapted-runner.js';
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

/** Samples that layer drift is measured on: it is a mean over every element of every one, and settles soon. */
const LAYER_SAMPLES = 32;

/**
 * Measure each layer in the exact session: the error that the quantization has built up to that layer.
 *
 * @param float - the float model that the values of the pairs are in
 * @param quantized - the quantized model, with the values of the pairs in it
 * @param inTurn - whether only one of the two may be loaded at a time
 * @param adapter - the types that the quantized model's inputs take, where they are others
 * @param outside - gets the float inputs and results
 */
export async function compareLayers(
  source: SampleSource,
  float: Model,
  quantized: Model,
  pairs: readonly LayerPair[],
  machine: MachineOptions,
  inTurn = false,
  adapter?: Pick<Adapter, 'inputTypes'>,
  outside?: BeyondMeter,
): Promise<LayerDrift[]> {
  if (pairs.length === 0) return [];
  const meters = pairs.map((pair) => ({ pair, meter: new DriftMeter() }));
  const compare = async (reference: Runner, exact: Runner) => {
    let done = 0;
    for await (const batch of source.open()) {
      const { feed, samples } = batch;
      const a = await reference.run(feed);
      const b = await exact.run(adapter ? convertFeed(feed, adapter) : feed);
      for (const { pair, meter } of meters) {
        const [x, y] = [a.get(pair.floatValue), b.get(pair.quantizedValue)];
        if (x && y) meter.add(x, y, batch);
      }
      for (const [name, value] of [...Object.entries(feed), ...a]) outside?.add(name, value, batch);
      done += samples;
      if (done >= LAYER_SAMPLES) break;
    }
  };
  const exposedFloat = exposing(
    float,
    pairs.map((pair) => pair.floatValue),
  );
  const exposedQuantized = exposing(
    quantized,
    pairs.map((pair) => pair.quantizedValue),
  );
  const withFloat = <T>(work: (session: Runner) => Promise<T>) =>
    withModel(exposedFloat, { ...machine, mode: 'basic', label: 'the float model' }, work);
  const withQuantized = <T>(work: (session: Runner) => Promise<T>) =>
    withModel(exposedQuantized, { ...machine, mode: 'exact', label: 'the quantized model' }, work);
  if (inTurn) {
    await withScratch(async (folder) => {
      const recorded = await withFloat((session) =>
        record(session, source, join(folder, 'float'), LAYER_SAMPLES),
      );
      await withQuantized((exact) => compare(recorded, exact));
    });
  } else {
    await withFloat((reference) => withQuantized((exact) => compare(reference, exact)));
  }
  return meters.map(({ pair, meter }) => ({
    id: pair.id,
    matchedBy: pair.matchedBy,
    floatTensor: pair.floatValue,
    quantizedTensor: pair.tensor,
    drift: meter.drift,
  }));
}
