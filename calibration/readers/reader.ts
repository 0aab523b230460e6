import type { NdArray } from '../../src/numerics/nd-array.js';
import type { PictureOptions } from '../pictures.js';
import type { Preprocess } from '../preprocess.js';
import type { SampleSet } from '../sample-set.js';
import type { InputSpec } from '../source.js';
import type { StoredType } from '../stored-array.js';

/** A tensor of an ONNX file. */
export interface NamedArray {
  readonly name: string;
  readonly array: NdArray;
}

/** Turns the bytes of a TensorProto into an array; it throws an Error for what is none. */
export type TensorDecoder = (bytes: Uint8Array) => NamedArray;

/** The element types of raw files. */
export const rawTypes: readonly StoredType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
];

/** What the elements of raw files are, where they differ from what the model's input takes. */
export interface RawFormat {
  readonly type?: StoredType | undefined;
  /** Shape of one sample. */
  readonly shape?: readonly number[] | undefined;
}

/** How samples become inputs, and what reading them needs from outside. */
export interface ReadSettings {
  /** Undefined where the user said nothing: integers into a float input are then refused. */
  readonly preprocess?: Preprocess | undefined;
  readonly pictures?: PictureOptions | undefined;
  readonly raw?: RawFormat | undefined;
  /** The folder of the tokenizer that text is read by. */
  readonly tokenizer?: string | undefined;
  /** Reads ONNX test data; without it there is none. */
  readonly decodeTensor?: TensorDecoder | undefined;
  /** A stream of samples is read no further than this; all of it without it. */
  readonly limit?: number | undefined;
}

/** What a reader is asked for. */
export interface ReadRequest extends ReadSettings {
  readonly path: string;
  /** The inputs that this path has to provide. */
  readonly inputs: readonly InputSpec[];
}

/** A path as readers choose by it. */
export interface PathKind {
  readonly path: string;
  /** In lower case, with its dot; empty where there is none, and for folders. */
  readonly extension: string;
  readonly isFolder: boolean;
}

/** A format of sample files. */
export interface Reader {
  readonly name: string;
  readonly summary: string;
  /** Whether the path looks like this format. */
  accepts(path: PathKind): boolean | Promise<boolean>;
  /** @throws QuantizeError for a file that is malformed or does not fit the input */
  read(request: ReadRequest): Promise<SampleSet>;
}
