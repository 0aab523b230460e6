import type { Preprocess } from '../preprocess.js';
import type { InputSpec, SampleSource } from '../source.js';

/** What a reader is asked for. */
export interface ReadRequest {
  readonly path: string;
  /** The inputs that this path has to provide. */
  readonly inputs: readonly InputSpec[];
  /** Samples that one run takes. */
  readonly batchSize: number;
  /** Undefined where the user said nothing: integers into a float input are then refused. */
  readonly preprocess: Preprocess | undefined;
  /** At most this many samples, chosen by the seed; all of them without it. */
  readonly samples: number | undefined;
  readonly seed: number;
}

/** A format of sample files. */
export interface Reader {
  readonly name: string;
  readonly summary: string;
  /** Whether the path looks like this format. */
  accepts(path: string): boolean;
  /** @throws QuantizeError for a file that is malformed or does not fit the input */
  read(request: ReadRequest): Promise<SampleSource>;
}
