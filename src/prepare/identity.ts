import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { SampleSource } from '../../calibration/source.js';
import { describeMachine } from '../runtime/machine.js';
import { runtimeVersion } from '../runtime/session.js';
import { tool } from '../version.js';

/** What the float sums of a run depend on beside its inputs: this version, the runtime and the kind of processor. */
export function hashOfEnvironment(provider: string): string {
  const { arch, features } = describeMachine();
  return hashOf([tool, runtimeVersion, provider, arch, features]);
}

export const hashOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex');

export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** Samples as they are fed: the same pictures with another preprocessing are others, the same numbers in another file are not. */
export async function hashOfSamples(source: SampleSource): Promise<string> {
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
