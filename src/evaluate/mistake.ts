import type { Preprocess } from '../../calibration/preprocess.js';
import type { SampleSource } from '../../calibration/source.js';
import type { ComparedBatch } from './compare-outputs.js';
import { argmax, isClassScores, rowsOf } from './drift.js';
import { drawThumbnail, type Picture, pictureOf } from './thumbnail.js';

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

/** Mistakes that are shown: what a page can hold, and a person looks at. */
const KEPT = 12;

interface Found {
  readonly mistake: Omit<Mistake, 'thumbnail'>;
  readonly picture: Picture | undefined;
}

/** Gathers, while outputs are compared, the samples that quantization gets wrong by the largest margin. */
export class MistakeCollector {
  readonly #labels: readonly number[];
  readonly #names: readonly string[] | undefined;
  readonly #preprocess: Preprocess | undefined;
  #output: string | undefined;
  #found: Found[] = [];

  /**
   * @param labels - the class of each sample
   * @param preprocess - how pixels became inputs, so that they can be shown as they were
   */
  constructor(labels: readonly number[], { names }: SampleSource, preprocess: Preprocess | undefined) {
    this.#labels = labels;
    this.#names = names;
    this.#preprocess = preprocess;
  }

  /** One batch of the comparison. The first output of class scores is the one that is graded. */
  readonly see = (batch: ComparedBatch): void => {
    const { float, quantized, samples, first } = batch;
    this.#output ??= [...float].find(([, value]) => isClassScores(value, batch))?.[0];
    const [a, b] = [float.get(this.#output ?? ''), quantized.get(this.#output ?? '')];
    if (!a || !b || a.dims.join() !== b.dims.join()) return;
    const classes = a.dims[1] as number;
    const [reference, scores] = [rowsOf(a, batch), rowsOf(b, batch)];
    for (let row = 0; row < samples; row++) {
      const at = row * classes;
      const label = this.#labels[first + row] as number;
      const [right, wrong] = [argmax(reference, at, classes), argmax(scores, at, classes)];
      if (right !== label || wrong === undefined || wrong === label) continue;
      const margin = (scores[at + wrong] as number) - (scores[at + label] as number);
      const sample = first + row;
      const source = this.#names?.[sample] ?? null;
      this.#keep({ sample, source, label, float: right, quantized: wrong, margin }, batch, row);
    }
  };

  /** The mistakes, the largest margin first, drawn small where the input is an image. */
  async mistakes(): Promise<Mistake[]> {
    const mistakes: Mistake[] = [];
    for (const { mistake, picture } of this.#found) {
      const thumbnail = picture ? await drawThumbnail(picture, this.#preprocess) : null;
      mistakes.push({ ...mistake, thumbnail });
    }
    return mistakes;
  }

  #keep(mistake: Found['mistake'], batch: ComparedBatch, row: number): void {
    const least = this.#found.at(-1)?.mistake.margin ?? Number.NEGATIVE_INFINITY;
    // NaN as a score is no margin at all.
    if (!Number.isFinite(mistake.margin) || (this.#found.length === KEPT && !(mistake.margin > least)))
      return;
    this.#found.push({ mistake, picture: pictureOf(batch, row) });
    this.#found.sort((a, b) => b.mistake.margin - a.mistake.margin || a.mistake.sample - b.mistake.sample);
    this.#found = this.#found.slice(0, KEPT);
  }
}
