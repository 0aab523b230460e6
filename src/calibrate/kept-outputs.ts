import { bytesOfArrays, type NdArray } from '../numerics/nd-array.js';
import { ownArray } from '../runtime/own-copies.js';

/** What a model gives for one batch. */
export type Outputs = ReadonlyMap<string, NdArray>;

/** Outputs that take more are not kept: class scores of any number of samples are far below. */
const MOST_BYTES = 2 ** 26;

/** The outputs of a model, batch by batch in the order of the samples, as far as they are small. */
export class KeptOutputs {
  readonly #mostBytes: number;
  #runs: Outputs[] | undefined = [];
  #bytes = 0;
  #samples = 0;

  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes;
  }

  /**
   * @param outputs - copied: what a run gives holds until the next
   * @param samples - how many of the batch count
   */
  keep(outputs: Outputs, samples: number): void {
    this.#bytes += bytesOfArrays(outputs.values());
    if (this.#bytes > this.#mostBytes) this.#runs = undefined;
    this.#runs?.push(new Map([...outputs].map(([name, array]) => [name, ownArray(array).own])));
    this.#samples += samples;
  }

  /** Begin anew. */
  forget(): void {
    this.#runs = [];
    this.#bytes = 0;
    this.#samples = 0;
  }

  /** What was kept of so many samples; undefined where it is not all of them. */
  allOf(samples: number): readonly Outputs[] | undefined {
    return this.#samples === samples ? this.#runs : undefined;
  }
}
