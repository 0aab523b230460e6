import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { InputRange } from '../../calibration/preprocess.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Samples } from '../calibrate/samples.js';
import type { LoadedModel } from '../load/load-model.js';
import { describeMachine } from '../runtime/machine.js';
import { runtimeVersion } from '../runtime/session.js';
import { tool } from '../version.js';
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
 * What the results of a sweep depend on beside their recipes. Samples count as they are fed: the same pictures with
 * another preprocessing are others, the same numbers in another file are not.
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
  const { arch, features } = describeMachine();
  return {
    model: hashOf([loaded.sha256, ...external]),
    samples: hashOf([observed, await hashOfSamples(samples.evaluation), samples.labels, inputRange, ...sets]),
    environment: hashOf([tool, runtimeVersion, provider, arch, features]),
  };
}

const hashOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

async function hashOfSamples(source: SampleSource): Promise<string> {
  const hash = createHash('sha256');
  for await (const { feed, size, samples } of source.open()) {
    add(hash, { size, samples });
    for (const [name, { type, dims, data }] of Object.entries(feed)) {
      add(hash, { name, type, dims });
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  return hash.digest('hex');
}

/** A line of JSON: the sizes in it tell how many bytes follow. */
const add = (hash: Hash, value: object) => hash.update(`${JSON.stringify(value)}\n`);
