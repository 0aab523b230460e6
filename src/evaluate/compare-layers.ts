import type { SampleSource } from '../../calibration/source.js';
import { exposing } from '../graph/expose.js';
import type { Model } from '../graph/model.js';
import type { MachineOptions } from '../options.js';
import { encodeModel } from '../proto/encode.js';
import { withSession } from '../runtime/session.js';
import { batchRows, type Drift, DriftMeter } from './drift.js';
import type { LayerPair } from './layer-pairs.js';

/** How far a layer's result is from float, everything before it quantized too. */
export interface LayerDrift {
  readonly id: string;
  readonly drift: Drift;
}

/** Samples that layer drift is measured on: it is a mean over every element of every one, and settles soon. */
const LAYER_SAMPLES = 32;

/**
 * Measure each layer in the exact session: the error that the quantization has built up to that layer.
 *
 * @param float - the folded float model
 * @param quantized - the quantized model, with the values of the pairs in it
 */
export async function compareLayers(
  source: SampleSource,
  float: Model,
  quantized: Model,
  pairs: readonly LayerPair[],
  machine: MachineOptions,
): Promise<LayerDrift[]> {
  const floatBytes = encodeModel(
    exposing(
      float,
      pairs.map((pair) => pair.floatValue),
    ),
  );
  const quantizedBytes = encodeModel(
    exposing(
      quantized,
      pairs.map((pair) => pair.quantizedValue),
    ),
  );
  const meters = pairs.map((pair) => ({ pair, meter: new DriftMeter() }));
  await withSession(floatBytes, { ...machine, mode: 'basic', label: 'the float model' }, (reference) =>
    withSession(
      quantizedBytes,
      { ...machine, mode: 'exact', label: 'the quantized model' },
      async (exact) => {
        let done = 0;
        for await (const batch of source.open()) {
          const { feed, samples } = batch;
          const a = await reference.run(feed);
          const b = await exact.run(feed);
          for (const { pair, meter } of meters) {
            const [x, y] = [a.get(pair.floatValue), b.get(pair.quantizedValue)];
            if (x && y) meter.add(x, y, batchRows(batch));
          }
          done += samples;
          if (done >= LAYER_SAMPLES) break;
        }
      },
    ),
  );
  return meters.map(({ pair, meter }) => ({ id: pair.id, drift: meter.drift }));
}
