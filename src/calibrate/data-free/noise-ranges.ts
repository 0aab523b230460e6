import type { InputRange } from '../../../calibration/preprocess.js';
import type { SampleSource } from '../../../calibration/source.js';
import type { TensorStatistics } from '../../../calibration/statistics.js';
import { syntheticSources } from '../../../calibration/synthetic.js';
import { fedAs } from '../../graph/data-type.js';
import { fedInputs, type Model } from '../../graph/model.js';
import { channelAlong, type NdArray } from '../../numerics/nd-array.js';
import { type CalibrationSettings, calibrate } from '../calibrate.js';

/** Random inputs that ranges are read from: more widen them by little. */
const SAMPLES = 16;

const SEED = 0;

/** A range is so many deviations of the noise wide: what sticks out is cut off, as pictures have their blacks and whites. */
const DEVIATIONS = 4;

/**
 * What values hold where the model's inputs are noise over all that they can be: normal around the middle of their range,
 * cut off at its ends: on MobileNet-VWW 25 dB, where sums of variances give 7 and photographs 29.
 *
 * @returns nothing where the model runs on no such input
 */
export async function noiseRanges(
  model: Model,
  values: readonly string[],
  inputRange: InputRange,
  settings: CalibrationSettings,
): Promise<ReadonlyMap<string, TensorStatistics>> {
  const inputs = fedInputs(model.graph).map(({ name, dataType, shape }) => {
    return { name, type: fedAs(dataType) ?? 'float32', shape };
  });
  for (const source of syntheticSources(inputs, SAMPLES, SEED)) {
    try {
      const { provider, maxMemoryBytes } = settings;
      const found = await calibrate(model, values, within(source, inputRange), { provider, maxMemoryBytes });
      if (found) return found.tensors;
    } catch {
      // The shape is a guess: the next one may fit, and without any the sums of variances are left.
    }
  }
  return new Map();
}

/** Normal input moved into a range. */
function within(source: SampleSource, range: InputRange): SampleSource {
  return {
    ...source,
    async *open() {
      for await (const batch of source.open()) {
        const feed = Object.entries(batch.feed).map(([name, array]) => [name, moved(array, range)] as const);
        yield { ...batch, feed: Object.fromEntries(feed) };
      }
    },
  };
}

function moved(array: NdArray, { low, high }: InputRange): NdArray {
  if (array.type !== 'float32') return array;
  // Channels first, or last.
  const axis = array.dims[1] === low.length ? 1 : array.dims.length - 1;
  const isByChannel = low.length > 1 && array.dims[axis] === low.length;
  const channelOf = isByChannel ? channelAlong(array.dims, axis) : () => 0;
  const data = (array.data as Float32Array).map((x, i) => {
    const c = channelOf(i);
    const [least, most] = [low[c] as number, high[c] as number];
    return Math.min(Math.max((least + most) / 2 + (x * (most - least)) / DEVIATIONS, least), most);
  });
  return { ...array, data };
}
