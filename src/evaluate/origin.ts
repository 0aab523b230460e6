/**
 * Where the drift of one layer comes from, or of an operator on integers that has no weight. Every SQNR is in dB, null where nothing differs; at the model's output it is
 * that of the output where it is lowest.
 *
 * A layer is quantized in its weight, its bias and its input; what rounds its result belongs to those that read it as codes,
 * and to the layer where others read it. An operator is quantized in all that it reads, and in its result.
 */
export interface LayerOrigin {
  readonly id: string;
  readonly kind: 'layer' | 'operator';
  /** At the layer's result, when this layer alone is quantized: its own error. */
  readonly ownDb: number | null;
  /** At the layer's result, when everything is quantized: the error accumulated to it; null too where it is not measured. */
  readonly accumulatedDb: number | null;
  /** At the model's output, when this layer alone is quantized: its effect, measured. */
  readonly effectDb: number | null;
  /** At the model's output, when the layer's weights alone are. */
  readonly weightEffectDb: number | null;
  /** At the model's output, when the layer's input alone is; null too where it stays float. */
  readonly inputEffectDb: number | null;
  /** Share of the input's elements on the samples that lie outside its range; null where it stays float. */
  readonly saturated: number | null;
  /** Levels of the weight's grid that no weight uses, of how many. */
  readonly deadLevels: number;
  readonly levels: number;
}

/** A flag that mends a layer. */
export interface Suggestion {
  /** The layer that it mends, or the operator that joins what should be apart. */
  readonly id: string;
  /** As typed in a shell: `--rule 'conv2_out:bits=8'`. */
  readonly flag: string;
  /** What it adds to the file. */
  readonly costBytes: number;
  /** What came of trying it: the SQNR of the worst output before and with it; null where it was not tried. */
  readonly tried: { readonly beforeDb: number | null; readonly afterDb: number | null } | null;
}
