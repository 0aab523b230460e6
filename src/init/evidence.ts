import type { SampleSource } from '../../calibration/source.js';
import type { ClassAxis } from '../evaluate/class-axes.js';
import { argmax, rowsOf } from '../evaluate/drift.js';
import { inputFit } from '../evaluate/first-norms.js';
import type { Model } from '../graph/model.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { Session } from '../runtime/session.js';
import type { Candidate } from './candidates.js';

/** What the float model makes of samples that were prepared in one way. */
export interface Evidence {
  readonly candidate: Candidate;
  /** Top-1 accuracy of the float model; undefined without labels. */
  readonly accuracy: number | undefined;
  /** Samples that it was counted on. */
  readonly samples: number;
  /** Divergence from what the first BatchNormalization expects, in nats; undefined where the model has none. */
  readonly divergence: number | undefined;
  /**
   * What the classes tell of the samples, in nats: H(E p) − E H(p), the mutual information of sample and class. A model that
   * is fed what it does not know is unsure of each, or calls all of them one. Undefined without classes.
   */
  readonly information: number | undefined;
}

/** So many samples are looked at. */
const SAMPLES = 64;

/** What measures a candidate. */
export interface EvidenceSources {
  /** The folded float model, and a session of it. */
  readonly model: Model;
  readonly session: Session;
  /** Where outputs have classes, by their names. */
  readonly axes: ReadonlyMap<string, ClassAxis>;
}

/** Run the float model on samples that were prepared in one way. */
export async function measureCandidate(
  candidate: Candidate,
  { source, labels }: { source: SampleSource; labels: readonly number[] | undefined },
  { model, session, axes }: EvidenceSources,
): Promise<Evidence> {
  const { norm } = await inputFit(model, source);
  const meters = [...axes].map(([name, axis]) => ({ name, axis, meter: new InformationMeter() }));
  const [graded] = axes.keys();
  let [done, right] = [0, 0];
  for await (const batch of source.open()) {
    const outputs = await session.run(batch.feed);
    for (const { name, axis, meter } of meters) {
      const value = outputs.get(name);
      if (value) meter.add({ ...value, data: rowsOf(value, batch) }, axis);
    }
    const value = graded === undefined ? undefined : outputs.get(graded);
    if (labels && value) {
      const rows = rowsOf(value, batch);
      const classes = rows.length / batch.samples;
      for (let i = 0; i < batch.samples; i++)
        if (argmax(rows, i * classes, classes) === labels[done + i]) right++;
    }
    done += batch.samples;
    if (done >= SAMPLES) break;
  }
  const information = meters.map(({ meter }) => meter.information).filter((each) => each !== undefined);
  return {
    candidate,
    accuracy: labels && graded !== undefined ? right / done : undefined,
    samples: done,
    divergence: norm?.divergence,
    information: information.length === 0 ? undefined : Math.max(...information),
  };
}

/** Rows of scores. */
interface Scores extends Pick<NdArray, 'dims'> {
  readonly data: ArrayLike<number>;
}

/** The mutual information of rows and classes: H(E p) − E H(p), in nats. */
export class InformationMeter {
  readonly #mean: number[] = [];
  #entropy = 0;
  #rows = 0;

  /** Scores of classes along an axis: probabilities, or else logits. */
  add({ dims, data }: Scores, given: ClassAxis): void {
    const axis = given === 'rows' ? dims.length - 1 : given < 0 ? dims.length + given : given;
    const classes = dims[axis] ?? 0;
    if (classes < 2) return;
    const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
    const outer = Math.floor(data.length / (classes * inner));
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const start = o * classes * inner + i;
        this.#addRow(Array.from({ length: classes }, (_, c) => data[start + c * inner] as number));
      }
    }
  }

  #addRow(scores: readonly number[]): void {
    const row = probabilities(scores);
    if (!row) return;
    for (const [c, p] of row.entries()) this.#mean[c] = (this.#mean[c] ?? 0) + p;
    this.#entropy += entropy(row);
    this.#rows++;
  }

  /** Undefined before any row of finite scores. */
  get information(): number | undefined {
    if (this.#rows === 0) return undefined;
    return entropy(this.#mean.map((sum) => sum / this.#rows)) - this.#entropy / this.#rows;
  }
}

/** Scores that are none sum to another number than 1, and go through a Softmax; undefined where one is not finite. */
function probabilities(scores: readonly number[]): readonly number[] | undefined {
  const sum = scores.reduce((all, score) => all + score, 0);
  if (!Number.isFinite(sum)) return undefined;
  if (scores.every((score) => score >= 0) && Math.abs(sum - 1) < 1e-3) return scores;
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / total);
}

const entropy = (row: readonly number[]): number =>
  row.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
