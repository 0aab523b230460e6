import type { BatchRows } from '../../calibration/source.js';
import { QuantizeError } from '../errors.js';
import type { NdArray } from '../numerics/nd-array.js';
import { isClassScores, rankIn, rowsOf, TOP } from './drift.js';
import { type PairedDifference, pairedDifference } from './paired-difference.js';

/** Accuracy of both models, as shares of the samples. */
export interface TaskAccuracy {
  /** The output that was graded. */
  readonly output: string;
  readonly samples: number;
  /** How many classes it has a score for. */
  readonly classes: number;
  /** Top-1. */
  readonly float: number;
  readonly quantized: number;
  /** What top-1 has lost. */
  readonly topOneDrop: PairedDifference;
  /** Share of the samples whose label is among the five largest scores; null below six classes. */
  readonly topFive: {
    readonly float: number;
    readonly quantized: number;
    readonly drop: PairedDifference;
  } | null;
}

/** Both models' right answers, counted together: a drop is told from noise by the samples on which they differ. */
class PairedTally {
  float = 0;
  quantized = 0;
  lost = 0;
  gained = 0;

  add(isFloatRight: boolean, isQuantizedRight: boolean): void {
    if (isFloatRight) this.float++;
    if (isQuantizedRight) this.quantized++;
    if (isFloatRight && !isQuantizedRight) this.lost++;
    if (isQuantizedRight && !isFloatRight) this.gained++;
  }

  shares(samples: number) {
    return {
      float: this.float / samples,
      quantized: this.quantized / samples,
      drop: pairedDifference(this.lost, this.gained, samples),
    };
  }
}

/** Grades the first output of class scores by the labels. */
export class TaskMeter {
  readonly #labels: readonly number[];
  #output: string | undefined;
  #samples = 0;
  #classes = 0;
  #isRanked = false;
  readonly #one = new PairedTally();
  readonly #five = new PairedTally();

  constructor(labels: readonly number[]) {
    this.#labels = labels;
  }

  /**
   * @param first - place of the batch's first sample among all
   */
  add(output: string, reference: NdArray, quantized: NdArray, batch: BatchRows, first: number): void {
    if (!isClassScores(reference, batch) || (this.#output ?? output) !== output) return;
    this.#output = output;
    const classes = reference.dims[1] ?? 1;
    this.#classes = classes;
    const others = quantized.dims[1] ?? 1;
    this.#isRanked = classes > TOP;
    const [a, b] = [rowsOf(reference, batch), rowsOf(quantized, batch)];
    for (let row = 0; row < batch.samples; row++) {
      const label = this.#labels[first + row] ?? -1;
      if (label < 0 || label >= classes)
        throw new QuantizeError('labels-outside', { sample: first + row, label, output, classes });
      const [x, y] = [rankIn(a, row * classes, classes, label), rankIn(b, row * others, others, label)];
      this.#one.add(x === 0, y === 0);
      this.#five.add(x < TOP, y < TOP);
    }
    this.#samples += batch.samples;
  }

  /** Undefined where no output holds class scores. */
  get accuracy(): TaskAccuracy | undefined {
    if (this.#output === undefined) return undefined;
    const { drop: topOneDrop, ...topOne } = this.#one.shares(this.#samples);
    const topFive = this.#isRanked ? this.#five.shares(this.#samples) : null;
    const [output, samples, classes] = [this.#output, this.#samples, this.#classes];
    return { output, samples, classes, ...topOne, topOneDrop, topFive };
  }
}
