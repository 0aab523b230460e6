import type { Preprocess } from '../preprocess.js';
import type { SampleSet } from '../sample-set.js';
import type { InputSpec } from '../source.js';

/** What a reader is asked for. */
export interface ReadRequest {
  readonly path: string;
  /** The inputs that this path has to provide. */
  readonly inputs: readonly InputSpec[];
  /** Undefined where the user said nothing: integers into a float input are then refused. */
  readonly preprocess: Preprocess | undefined;
}

/** A format of sample files. */
export interface Reader {
  readonly name: string;
  readonly summary: string;
  /** Whether the path looks like this format. */
  accepts(path: string): boolean;
  /** @throws QuantizeError for a file that is malformed or does not fit the input */
  read(request: ReadRequest): Promise<SampleSet>;
}
