import type { InputRange } from '../../../calibration/preprocess.js';
import { type Statistics, TensorStatistics } from '../../../calibration/statistics.js';
import { QuantizeError } from '../../errors.js';
import { type ChannelMoments, even } from '../../graph/channel-moments.js';
import { fedInputs, type Model } from '../../graph/model.js';
import { propagate } from '../../graph/propagate-moments.js';
import type { CalibrationSettings } from '../calibrate.js';
import { noiseRanges } from './noise-ranges.js';

/**
 * Ranges without a sample: β ± 6γ of the folded BatchNormalizations, carried through the operators after them (Nagel et
 * al. 2019, §5.2). A model that came without any, its own being folded already, is run on noise instead, where its inputs
 * have a range and it runs so: a sum of variances takes inputs as independent, and layer after layer they are not.
 *
 * @param values - the values whose ranges are needed
 * @param inputRange - what the model's inputs can hold
 * @throws QuantizeError `no-data-free-range` for a value that nothing tells the range of
 */
export async function dataFreeStatistics(
  model: Model,
  values: readonly string[],
  inputRange: InputRange | undefined,
  settings: CalibrationSettings = {},
): Promise<Statistics> {
  const { graph, batchNorms } = model;
  const inputs = new Map<string, ChannelMoments>();
  if (inputRange) {
    const ends = even(Float64Array.from(inputRange.low), Float64Array.from(inputRange.high));
    for (const { name } of fedInputs(graph)) inputs.set(name, ends);
  }
  const known = propagate(graph, batchNorms, inputs);
  const isTold = batchNorms.size > 0 || inputRange === undefined;
  const measured = isTold ? new Map() : await noiseRanges(model, values, inputRange, settings);
  const tensors = new Map(
    values.map((name) => {
      const seen = measured.get(name);
      if (seen && seen.nonFinite === 0 && seen.min <= seen.max)
        return [name, new TensorStatistics(undefined, [{ min: seen.min, max: seen.max }])] as const;
      const moments = known.get(name);
      if (!moments) throw new QuantizeError('no-data-free-range', { tensor: name });
      return [name, statisticsOf(moments)] as const;
    }),
  );
  return {
    modelHash: '',
    data: 'BatchNormalization',
    preprocess: 'none',
    provider: 'none',
    samples: 0,
    part: { shard: { index: 1, count: 1 }, first: 0, total: 0, choice: '' },
    tensors,
  };
}

/** Statistics that hold a range, and nothing else. */
function statisticsOf({ low, high }: ChannelMoments): TensorStatistics {
  const range = { min: Math.min(...low), max: Math.max(...high) };
  return new TensorStatistics(undefined, [range]);
}
