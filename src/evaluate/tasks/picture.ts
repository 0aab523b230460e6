/** A box in shares of the picture's sides. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly score: number;
  readonly label: number;
}

/** A sample with what a task found in it, for the page. */
export interface TaskPicture {
  /** Its place in the evaluation samples. */
  readonly sample: number;
  /** The file that it is from, where each sample is one. */
  readonly source: string | null;
  /** The sample, a `data:` URL; null where the input is no image. */
  readonly picture: string | null;
  readonly width: number;
  readonly height: number;
  /** Boxes in shares of the sides; null for other tasks. */
  readonly boxes: { readonly float: readonly Box[]; readonly quantized: readonly Box[] } | null;
  /** Where the classes of places differ, a `data:` URL; null for other tasks. */
  readonly mask: string | null;
}
