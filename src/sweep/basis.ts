import type { InputRange } from '../../calibration/preprocess.js';
import type { Samples } from '../calibrate/samples.js';
import type { LoadedModel } from '../load/load-model.js';
import { hashOf, hashOfEnvironment, hashOfFile, hashOfSamples } from '../prepare/identity.js';
import type { Basis } from './record.js';

/** What results are of. */
export interface BasisSources {
  readonly loaded: Pick<LoadedModel, 'sha256' | 'externalFiles'>;
  readonly samples: Pick<Samples, 'calibration' | 'evaluation' | 'labels' | 'setName' | 'otherSets'>;
  /** A statistics file, in place of calibration samples. */
  readonly stats: string | undefined;
  readonly inputRange: InputRange | undefined;
  readonly provider: string;
}

/**
 * What the results of a sweep depend on beside their recipes. Samples count as they are fed.
 */
export async function basisOf(sources: BasisSources): Promise<Basis> {
  const { loaded, samples, stats, inputRange, provider } = sources;
  const external: string[] = [];
  for (const file of loaded.externalFiles) external.push(await hashOfFile(file));
  const observed =
    stats === undefined
      ? samples.calibration && (await hashOfSamples(samples.calibration))
      : await hashOfFile(stats);
  const others: unknown[] = [];
  for (const { name, source, labels } of samples.otherSets ?? [])
    others.push([name, await hashOfSamples(source), labels]);
  const sets = others.length === 0 ? [] : [samples.setName, others];
  return {
    model: hashOf([loaded.sha256, ...external]),
    samples: hashOf([observed, await hashOfSamples(samples.evaluation), samples.labels, inputRange, ...sets]),
    environment: hashOfEnvironment(provider),
  };
}
