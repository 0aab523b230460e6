/** Sizes in bytes at which a model is handled in another way; tests set them low. */
export interface Limits {
  /** From this size on a tensor of another file is not held in memory. */
  readonly heldBytes: number;
  /** From this size on a model has one session at a time, and what is written goes to disk before it is evaluated. */
  readonly largeBytes: number;
  /** A .onnx file is not larger than this: what goes beyond stands in a second file. */
  readonly fileBytes: number;
}

export const defaultLimits: Limits = {
  // Biases and shapes are read again and again; what makes a model large are matrices of megabytes.
  heldBytes: 64 * 1024,
  // Three sessions at once, each with the weights and a packed copy of them, take 6 GiB here.
  largeBytes: 2 ** 30,
  // The largest protobuf message (protobuf.dev, "Proto Limits").
  fileBytes: 2 ** 31 - 1,
};
