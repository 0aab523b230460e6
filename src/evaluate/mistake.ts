/** A sample whose class the float model gets right and the quantized model does not. */
export interface Mistake {
  /** Its place in the evaluation samples. */
  readonly sample: number;
  /** The file that it is from, where each sample is one. */
  readonly source: string | null;
  readonly label: number;
  /** The classes with the largest score. */
  readonly float: number;
  readonly quantized: number;
  /** How much larger the quantized model's winning score is than the label's. */
  readonly margin: number;
  /** The sample as a small picture, a `data:` URL; null where the input is no image. */
  readonly thumbnail: string | null;
}
