import { firstFeed, type Labelled } from '../../calibrate/samples.js';
import { THREADS } from '../../calibrate/session-threads.js';
import type { OwnGradient } from '../../derive/reverse.js';
import type { Steps } from '../../derive/steps.js';
import { QuantizeError } from '../../errors.js';
import type { Model } from '../../graph/model.js';
import { withModel } from '../../load/with-model.js';
import type { NdArray } from '../../numerics/nd-array.js';
import type { Plan } from '../../quantize/plan.js';
import { judgedBy, type TwinPair } from '../judged.js';
import { refinableLayers } from '../layers.js';
import type { WalkSources } from '../open-walk.js';
import { ownGradient } from '../quantizers/simulated.js';
import { runTwin } from '../run-twin.js';
import { type TwinGraph, twinGraphOf } from '../twin-graph.js';

/** Classes of samples that are to be learned. */
export interface ClassGoal {
  /** The float output that grades classes, [N, classes]. */
  readonly output: string;
  readonly classes: number;
  /** Of each sample of the source. */
  readonly labels: readonly number[];
  /** Share of the loss that is what the float network says; the rest are labels. */
  readonly teacher: number;
}

/** A goal of a block that gives the scores. */
export interface ScoredGoal extends ClassGoal {
  /** The scores of the quantized side, or the logits of which they are made. */
  readonly scores: string;
}

/** Probabilities are kept off 0, whose logarithm is none. */
const LEAST = 1e-12;

/** The rank of [N, classes]. */
const ROWS = 2;

/**
 * The output that grades classes: the first float one of [N, classes].
 *
 * @throws QuantizeError `bad-option` where there is none, or a label is none of its classes
 */
export async function classGoal(
  model: Model,
  { source, labels }: Labelled,
  teacher: number,
): Promise<ClassGoal> {
  const settings = { mode: 'basic', threads: THREADS, label: 'the float model' } as const;
  const feed = await firstFeed(source);
  const results = await withModel(model, settings, (session) => session.run(feed));
  const found = [...results].find(([, { type, dims }]) => type === 'float32' && dims.length === ROWS);
  const refuse = (problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag: '--train-labels', problem, mend });
  if (!found) {
    const mend = 'Learn from the float outputs instead: --refine distill.';
    throw refuse('needs an output of one row of class scores a sample, which the model does not have', mend);
  }
  const [output, { dims }] = found;
  const classes = dims[1] ?? 0;
  const odd = labels.find((label) => label < 0 || label >= classes);
  if (odd !== undefined) {
    const mend = `Give classes from 0 to ${classes - 1}.`;
    throw refuse(`has the class ${odd}, but the output "${output}" has ${classes} classes`, mend);
  }
  return { output, classes, labels, teacher };
}

/** The scores of classes, or the logits of which they are made: of both sides of a twin graph. */
export function scoresOf(twin: TwinGraph, { output }: ClassGoal): TwinPair {
  const known = twin.outputs.find(({ float }) => float === output);
  return known ? judgedBy(twin, known) : { float: output, quantized: output };
}

/**
 * Targets of samples, [samples, classes]: 1 at its class.
 *
 * @param taken - the place of each sample among the labels
 */
export function targetsOf({ classes, labels }: ClassGoal, taken: readonly number[]): NdArray {
  const data = new Float32Array(taken.length * classes);
  taken.forEach((sample, row) => {
    data[row * classes + (labels[sample] ?? 0)] = 1;
  });
  return { type: 'float32', dims: [taken.length, classes], data };
}

const rowOf = ({ data }: NdArray, row: number, length: number): Float64Array =>
  Float64Array.from((data as Float32Array).subarray(row * length, (row + 1) * length));

/** Probabilities of scores, in float64. */
function softmax(scores: Float64Array): Float64Array {
  const top = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * Mean cross-entropy −Σ t·log softmax(z) of a batch; its gradient by z is (softmax(z) − t) / N.
 *
 * @param batch - N
 */
export function crossEntropy(
  steps: Steps,
  scores: string,
  targets: string,
  batch: number,
): { loss: string; own: OwnGradient } {
  const probabilities = steps.op('Softmax', [scores]);
  const logs = steps.op('Log', [steps.op('Max', [probabilities, steps.scalar(LEAST)])]);
  const total = steps.sum(steps.mul(targets, logs), [0, 1], false);
  const loss = steps.scale(total, -1 / batch);
  const own = ownGradient(loss, [scores], (back, gradient) => [
    () => back.mul(gradient, back.scale(back.sub(probabilities, targets), 1 / batch)),
  ]);
  return { loss, own };
}

/** Mean cross-entropy of a plan's network on labelled samples, in nats. */
export async function classError(
  plan: Plan,
  sources: Omit<WalkSources, 'maxMemoryBytes'>,
  goal: ClassGoal,
): Promise<number> {
  const { model } = sources;
  const layers = refinableLayers(model.graph, plan);
  const twin = twinGraphOf(model, plan, layers);
  const name = scoresOf(twin, goal).quantized;
  const sum = new EntropySum(goal);
  await runTwin(sources, { twin, layers }, [name], (results, samples) => {
    const places = Array.from({ length: samples }, (_, row) => sum.count + row);
    sum.add(results.get(name) as NdArray, places);
  });
  return sum.mean;
}

/** Cross-entropy with labels, summed over samples. */
export class EntropySum {
  readonly #goal: ClassGoal;
  #sum = 0;
  count = 0;

  constructor(goal: ClassGoal) {
    this.#goal = goal;
  }

  /** @param places - of each row among the labels */
  add(scores: NdArray, places: readonly number[]): void {
    const { classes, labels } = this.#goal;
    places.forEach((place, row) => {
      const probability = softmax(rowOf(scores, row, classes))[labels[place] ?? 0] ?? 0;
      this.#sum -= Math.log(Math.max(LEAST, probability));
      this.count++;
    });
  }

  get mean(): number {
    return this.#sum / Math.max(1, this.count);
  }
}
