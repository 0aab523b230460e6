import type { BatchRows } from '../../calibration/source.js';
import type { NdArray } from '../numerics/nd-array.js';
import { rankCorrelation } from '../numerics/rank-correlation.js';
import { isClassScores, rowsOf, sameDims } from './drift.js';

/** How far an output of one vector a sample, [N, d], keeps its directions, as a search over embeddings needs them. */
export interface EmbeddingDrift {
  /** Cosine between a sample's two vectors: the mean over the samples, and the least. */
  readonly meanCosine: number;
  readonly leastCosine: number;
  /**
   * Spearman's rank correlation between the two models' cosine similarities of all pairs of samples: 1 where every search
   * finds the same neighbours in the same order. Null below three samples, or where all similarities are equal.
   */
  readonly rankCorrelation: number | null;
  /** Samples that the pairs are made of, from the first one on. */
  readonly rankedSamples: number;
  /** Whether all float vectors have length 1, as embeddings made for a search do, and scores of classes do not. */
  readonly isUnitLength: boolean;
}

/** How far from 1 the square of a length may be: float16 rounds by 2^−11. */
const UNIT_TOLERANCE = 2 ** -9;

/** Samples of the rank correlation: 32,640 pairs, which is a correlation to within some 0.01. */
const RANKED_SAMPLES = 256;

/** Elements that are kept of each model for it: 32 MiB as float64. */
const RANKED_ELEMENTS = 2 ** 22;

/** Sums up the drift of directions, sample by sample, in float64. */
export class EmbeddingMeter {
  #sum = 0;
  #least = Number.POSITIVE_INFINITY;
  #samples = 0;
  #isUnitLength = true;
  #hasNegative = false;
  readonly #kept: { float: Float64Array; quantized: Float64Array }[] = [];

  add(reference: NdArray, quantized: NdArray, batch: BatchRows): void {
    if (!isClassScores(reference, batch) || !sameDims(reference, quantized)) return;
    const length = reference.dims[1] ?? 0;
    const [a, b] = [rowsOf(reference, batch), rowsOf(quantized, batch)];
    for (let row = 0; row < batch.samples; row++) {
      const vectors = [a, b].map((data) =>
        Float64Array.from({ length }, (_, i) => data[row * length + i] as number),
      );
      const [x, y] = vectors.map(unitVector);
      // A vector of zeros, or one that is not finite, has no direction.
      if (!x || !y) continue;
      const [vector] = vectors as [Float64Array];
      this.#isUnitLength &&= Math.abs(dot(vector, vector) - 1) <= UNIT_TOLERANCE;
      this.#hasNegative ||= vector.some((value) => value < 0);
      const cosine = dot(x, y);
      this.#sum += cosine;
      this.#least = Math.min(this.#least, cosine);
      this.#samples++;
      const isRoom = (this.#kept.length + 1) * length <= RANKED_ELEMENTS;
      if (isRoom && this.#kept.length < RANKED_SAMPLES) this.#kept.push({ float: x, quantized: y });
    }
  }

  /** Null unless the output is [N, d] with d above 1. */
  get drift(): EmbeddingDrift | null {
    if (this.#samples === 0) return null;
    const kept = this.#kept;
    return {
      meanCosine: this.#sum / this.#samples,
      leastCosine: this.#least,
      rankCorrelation: kept.length < 3 ? null : this.#rankCorrelation(),
      rankedSamples: kept.length,
      // Probabilities that are all but certain have length 1, too.
      isUnitLength: this.#isUnitLength && this.#hasNegative,
    };
  }

  #rankCorrelation(): number | null {
    const similarities = (side: 'float' | 'quantized') =>
      Float64Array.from(
        this.#kept.flatMap((first, i) =>
          this.#kept.slice(i + 1).map((second) => dot(first[side], second[side])),
        ),
      );
    return rankCorrelation(similarities('float'), similarities('quantized'));
  }
}

/** A vector scaled to length 1; undefined where it has none. */
function unitVector(vector: Float64Array): Float64Array | undefined {
  const norm = Math.sqrt(dot(vector, vector));
  return norm > 0 && Number.isFinite(norm) ? vector.map((value) => value / norm) : undefined;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
